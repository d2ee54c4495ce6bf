import { readdirSync, readFileSync } from 'node:fs';

/** Part of the descriptors that is kept for connections to nodes, files and the like. */
const reservedPart = 1 / 4;
/** No more than so many, and no fewer. */
const [mostReserved, fewestReserved] = [1024, 8];

/** Whoever holds descriptors that can be given up: gives one up, or answers false. */
export type DescriptorGiver = () => boolean;

/** How many descriptors this process may have open (RLIMIT_NOFILE), and what to do when they run out. */
class Descriptors {
  /** Infinity where it is not known. */
  readonly limit = readLimit();
  readonly #reserved = Math.max(fewestReserved, Math.min(mostReserved, this.limit * reservedPart));
  readonly #givers = new Set<DescriptorGiver>();
  /** Connections that may be accepted before open descriptors are counted again. */
  #untilCount = Number.isFinite(this.limit) ? 1 : Infinity;
  #isShort = false;

  add(giver: DescriptorGiver): void {
    this.#givers.add(giver);
  }

  delete(giver: DescriptorGiver): void {
    this.#givers.delete(giver);
  }

  /**
   * Whether there are too few left for the connection that was just accepted. To count them takes a
   * look at each, so they are counted when half of the room from the last time may be used up.
   */
  areShort(): boolean {
    this.#untilCount--;
    if (this.#untilCount > 0) return this.#isShort;
    const room = this.limit - this.#reserved - countOpen();
    this.#untilCount = Math.max(Math.ceil(this.#reserved / 8), Math.floor(room / 2));
    this.#isShort = room <= 0;
    return this.#isShort;
  }

  /** Has somebody give up a descriptor; false when nobody can. */
  makeRoom(): boolean {
    for (const giver of this.#givers) if (giver()) return true;
    return false;
  }
}

export const descriptors = new Descriptors();

/** Shortages of this process or machine, for which no other one is to be blamed. */
const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** Whether a connection could not be opened for want of something of this process or machine. */
export function isOwnShortage(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isOwnShortage);
  return shortages.has((error as NodeJS.ErrnoException | null)?.code ?? '');
}

function readLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

function countOpen(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    // There is none left to look with.
    return Infinity;
  }
}
