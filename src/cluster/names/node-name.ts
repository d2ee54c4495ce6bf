import { isIP, type LookupFunction } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NamedAddress, Resolution } from './address.ts';
import { SystemNames } from './system-names.ts';

/** How long a connection waits for its name to be resolved, ms. */
export const lookupTimeoutMs = 5000;
/** After a failed look-up nobody asks again for so long, ms. */
const failedMs = 1000;
/** How soon a look-up that failed is repeated while there are addresses from before, ms. */
const refreshMs = 5000;
/** How long the addresses of a name hold that DNS does not know any more, ms. */
const missingMs = 30_000;
/** How long an address is avoided that took no connection, ms. */
const avoidMs = 10_000;

/** Resolves a name, however long that takes. */
export interface NameSource {
  /** @throws with the code of the failure */
  resolve(name: string): Promise<Resolution>;
}

interface Waiter {
  (failure: Error | null): void;
}

/**
 * The name of a node. What it leads to is kept, asked for again when its time is over, and used on
 * while the name servers do not answer. All its addresses are used in turn.
 */
export class NodeName {
  readonly name: string;
  readonly #source: NameSource;
  #addresses: readonly NamedAddress[] = [];
  #known: ReadonlySet<string> = new Set();
  /** Until when an address is avoided, in performance.now() time. */
  readonly #avoided = new Map<string, number>();
  /** Addresses of the preferred family. */
  #choices = 0;
  #turn = 0;
  /** performance.now() from which on what is known is asked for again. */
  #dueAt = 0;
  #resolvedAt = 0;
  #isAsking = false;
  #failure: Error | null = null;
  /** The last look-up found no name server that answers. */
  #isSilent = false;
  readonly #waiters = new Set<Waiter>();

  constructor(name: string, source: NameSource) {
    this.name = name;
    this.#source = source;
  }

  /** Whether it leads anywhere now, so that nobody has to wait. */
  get isKnown(): boolean {
    return this.#addresses.length > 0;
  }

  /** Whether there are several addresses to use in turn. */
  get hasChoice(): boolean {
    return this.#choices > 1;
  }

  /** The address that is tried first now; null while the name leads nowhere. */
  get current(): string | null {
    return this.#ordered()[0]?.address ?? null;
  }

  /** Goes on to the next address. */
  advance(): void {
    this.#turn++;
  }

  /** Whether the name still leads to this address. */
  leadsTo(address: string): boolean {
    this.#askIfDue();
    return this.#known.has(address);
  }

  /** The address took no connection, another did. */
  avoid(address: string): void {
    this.#avoided.set(address, performance.now() + avoidMs);
  }

  /** As `net.connect` wants it. */
  readonly lookup: LookupFunction = (_name, { all, family }, callback) => {
    this.#whenKnown((failure) => {
      const wanted = family === 4 || family === 6 ? family : 0;
      const found = this.#ordered().filter((one) => wanted === 0 || one.family === wanted);
      const [first] = found;
      if (failure !== null || first === undefined) {
        callback(
          failure ?? this.#error('it has no address of that kind'),
          all === true ? [] : '',
          0,
        );
      } else if (all === true) callback(null, [...found]);
      else callback(null, first.address, first.family);
    });
  };

  /** Settles when the name leads somewhere. @throws why it does not */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenKnown((failure) => {
        if (failure === null) resolve();
        else reject(failure);
      });
    });
  }

  #whenKnown(waiter: Waiter): void {
    this.#askIfDue();
    if (this.isKnown) process.nextTick(waiter, null);
    else if (this.#failure !== null) process.nextTick(waiter, this.#failure);
    else this.#waiters.add(waiter);
  }

  #askIfDue(): void {
    if (this.#isAsking || performance.now() < this.#dueAt) return;
    this.#isAsking = true;
    // While no name server answers, nobody waits for it a second time.
    if (!this.#isSilent) this.#failure = null;
    const timer = setTimeout(() => {
      this.#isSilent = true;
      this.#fail(this.#error(`no answer within ${lookupTimeoutMs / 1000} s`));
    }, lookupTimeoutMs).unref();
    void this.#source
      .resolve(this.name)
      .then(
        (resolution) => this.#take(resolution),
        (error: unknown) => this.#onFailed(error),
      )
      .finally(() => {
        clearTimeout(timer);
        this.#isAsking = false;
      });
  }

  #take({ addresses, ttlMs }: Resolution): void {
    const now = performance.now();
    this.#addresses = addresses.toSorted(byPreference);
    this.#known = new Set(addresses.map(({ address }) => address));
    this.#choices = ofFirstFamily(this.#addresses).length;
    for (const address of this.#avoided.keys()) {
      if (!this.#known.has(address)) this.#avoided.delete(address);
    }
    this.#resolvedAt = now;
    this.#dueAt = now + ttlMs;
    this.#failure = null;
    this.#isSilent = false;
    this.#tell(null);
  }

  #onFailed(error: unknown): void {
    const now = performance.now();
    const code = (error as NodeJS.ErrnoException).code ?? '';
    this.#isSilent = code === 'ETIMEOUT' || code === 'EAI_AGAIN';
    const isMissing = code === 'ENOTFOUND' || code === 'ENODATA';
    if (this.isKnown && isMissing && now - this.#resolvedAt > missingMs) {
      this.#addresses = [];
      this.#known = new Set();
      this.#choices = 0;
    }
    this.#dueAt = now + (this.isKnown ? refreshMs : failedMs);
    this.#fail(this.#error(reasons[code] ?? String(code || error)));
  }

  #fail(error: Error): void {
    if (!this.isKnown) this.#failure = error;
    this.#tell(this.isKnown ? null : error);
  }

  #tell(failure: Error | null): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter(failure);
  }

  /** The addresses in the order in which they are tried now: those of the preferred family in turn. */
  #ordered(): readonly NamedAddress[] {
    const all = this.#addresses;
    if (all.length < 2) return all;
    const now = performance.now();
    const isAvoided = ({ address }: NamedAddress): boolean =>
      this.#avoided.size > 0 && (this.#avoided.get(address) ?? 0) > now;
    const good = all.filter((one) => !isAvoided(one));
    const preferred = ofFirstFamily(good);
    const turn = preferred.length === 0 ? 0 : this.#turn % preferred.length;
    return [
      ...preferred.slice(turn),
      ...preferred.slice(0, turn),
      ...good.slice(preferred.length),
      ...all.filter(isAvoided),
    ];
  }

  #error(reason: string): Error {
    return new Error(`the name ${this.name} cannot be resolved: ${reason}`);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'it has no address',
  ETIMEOUT: 'no name server answers',
  ECONNREFUSED: 'no name server can be reached',
  ESERVFAIL: 'the name server fails',
  EREFUSED: 'the name server refuses',
  EAI_AGAIN: 'no name server answers',
};

/** Of addresses in the order of preference, those that are of the first one's family. */
function ofFirstFamily(addresses: readonly NamedAddress[]): readonly NamedAddress[] {
  return addresses.filter(({ family }) => family === addresses[0]?.family);
}

let hasIpv6 = false;
let interfacesSeenAt = -Infinity;

/** As the system orders addresses: IPv6 first where this machine has it beyond itself. */
function byPreference(one: NamedAddress, other: NamedAddress): number {
  return rank(one) - rank(other);
}

function rank({ address, family }: NamedAddress): number {
  if (family === 4) return 1;
  return address === '::1' || machineHasIpv6() ? 0 : 2;
}

function machineHasIpv6(): boolean {
  const now = performance.now();
  if (now - interfacesSeenAt < refreshMs) return hasIpv6;
  interfacesSeenAt = now;
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  hasIpv6 = all.some(
    ({ address, family, internal }) =>
      family === 'IPv6' && !internal && !address.startsWith('fe80:'),
  );
  return hasIpv6;
}

const names = new Map<string, NodeName>();
let system: SystemNames | null = null;

/** The name, one object for all that use it in this process; null for an address. */
export function nodeNameOf(host: string): NodeName | null {
  if (host.startsWith('[') || isIP(host) !== 0) return null;
  let name = names.get(host);
  if (name === undefined) {
    system ??= new SystemNames();
    name = new NodeName(host, system);
    names.set(host, name);
  }
  return name;
}
