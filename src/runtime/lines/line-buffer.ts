/** Lines that were lost in this process, by the name of where they should have gone. */
const lostLines = new Map<string, number>();

/** How many lines this process has lost since it began, by the name of their destination. */
export function lostLineCounts(): Readonly<Record<string, number>> {
  return Object.fromEntries(lostLines);
}

/**
 * Lines that wait for a destination which cannot take them now. The memory for them is bounded: lines
 * beyond it are counted and dropped, so that a stalled destination costs lines and nothing else.
 */
export class LineBuffer {
  readonly #name: string;
  readonly #limitBytes: number;
  #lines: Buffer[] = [];
  /** Lines before this one have left the buffer already. */
  #first = 0;
  #bytes = 0;
  #unreported = 0;

  constructor(name: string, limitBytes: number) {
    this.#name = name;
    this.#limitBytes = limitBytes;
  }

  get isEmpty(): boolean {
    return this.#first === this.#lines.length;
  }

  /** Lines that were lost since the last report, if there is room to report it; else 0. */
  takeLost(): number {
    if (this.#unreported === 0 || this.#bytes > this.#limitBytes / 2) return 0;
    const lost = this.#unreported;
    this.#unreported = 0;
    return lost;
  }

  add(line: Buffer): void {
    if (this.#bytes + line.length > this.#limitBytes) {
      this.lose(1);
      return;
    }
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  /** As many whole lines as fit into `bytes`, at least one; they stay until `remove`. */
  peek(bytes: number): Buffer {
    let end = this.#first;
    let size = 0;
    do {
      size += (this.#lines[end] as Buffer).length;
      end++;
    } while (end < this.#lines.length && size + (this.#lines[end] as Buffer).length <= bytes);
    if (end === this.#first + 1) return this.#lines[this.#first] as Buffer;
    return Buffer.concat(this.#lines.slice(this.#first, end), size);
  }

  /** Takes the lines away that lie within the first `bytes`; answers the bytes beyond the last of them. */
  remove(bytes: number): number {
    let rest = bytes;
    while (!this.isEmpty && (this.#lines[this.#first] as Buffer).length <= rest) {
      const { length } = this.#lines[this.#first] as Buffer;
      rest -= length;
      this.#bytes -= length;
      this.#first++;
    }
    if (this.#first > 1024 || this.isEmpty) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
    return rest;
  }

  /** Takes the first `bytes` of the first line away. */
  shorten(bytes: number): void {
    this.#lines[this.#first] = (this.#lines[this.#first] as Buffer).subarray(bytes);
    this.#bytes -= bytes;
  }

  /** Gives everything up that waits. */
  clear(): void {
    this.lose(this.#lines.length - this.#first);
    this.#lines = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  lose(count: number): void {
    if (count === 0) return;
    this.#unreported += count;
    lostLines.set(this.#name, (lostLines.get(this.#name) ?? 0) + count);
  }
}
