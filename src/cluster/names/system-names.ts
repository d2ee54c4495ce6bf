import { Resolver, lookup as systemLookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NamedAddress, parseAddress, type Resolution } from './address.ts';
import { SystemFile } from './system-file.ts';

/** How long a name server may take to a first question; each repetition gets longer, ms. */
const questionMs = 2000;
const questions = 3;
/** How long the answer for one family waits for the other's, ms. */
const otherFamilyMs = 200;
/** What comes from a file of this machine holds so long, ms. */
const fileTtlMs = 2000;
/** What comes without a time of its own holds so long, ms. */
const unknownTtlMs = 30_000;
/** What DNS says holds at least and at most so long, ms. */
const [shortestTtlMs, longestTtlMs] = [1000, 300_000];

/** Codes that mean: there is no such name, or no address for it. */
const isMissing: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

interface ResolverOptions {
  readonly search: readonly string[];
  /** Names with fewer dots are looked for in the search list first. */
  readonly ndots: number;
  readonly resolver: Resolver;
}

/** Where the system says how names are resolved. */
export interface SystemFiles {
  readonly hosts: string;
  readonly resolver: string;
  readonly services: string;
  /** Name servers in place of those of the file, `address:port`. */
  readonly servers?: readonly string[];
}

const systemFiles: SystemFiles = {
  hosts: '/etc/hosts',
  resolver: '/etc/resolv.conf',
  services: '/etc/nsswitch.conf',
};

/**
 * Resolves names as the system would, by /etc/hosts and DNS, but without its blocking function: each
 * call of that holds one of the few threads of the process for as long as a name server is silent, and
 * even the end of the process waits for it. It is asked only where the system knows names from
 * elsewhere (nsswitch.conf), for those that DNS does not know, one at a time.
 */
export class SystemNames {
  readonly #hosts: SystemFile<ReadonlyMap<string, readonly NamedAddress[]>>;
  readonly #resolver: SystemFile<ResolverOptions>;
  readonly #hasMoreSources: SystemFile<boolean>;
  /** The last call of the system's own function. */
  #systemCall: Promise<unknown> = Promise.resolve();

  constructor({ hosts, resolver, services, servers }: SystemFiles = systemFiles) {
    this.#hosts = new SystemFile(hosts, parseHosts);
    this.#resolver = new SystemFile(resolver, (text) => parseResolver(text, servers));
    this.#hasMoreSources = new SystemFile(services, hasMoreSources);
  }

  /** @throws with the code of the failure */
  async resolve(name: string): Promise<Resolution> {
    const plain = name.toLowerCase().replace(/\.$/, '');
    const fromFile = (await this.#hosts.read()).get(plain);
    if (fromFile !== undefined) return { addresses: fromFile, ttlMs: fileTtlMs };
    if (plain === 'localhost' || plain.endsWith('.localhost')) return loopback;
    try {
      return await this.#ask(name);
    } catch (error) {
      if (!isMissing.has(codeOf(error)) || !(await this.#hasMoreSources.read())) throw error;
      return await this.#askSystem(plain);
    }
  }

  async #ask(name: string): Promise<Resolution> {
    const { search, ndots, resolver } = await this.#resolver.read();
    let failure: unknown = null;
    for (const candidate of candidates(name, search, ndots)) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- each is asked for when those before it are unknown
        return await askBothFamilies(resolver, candidate);
      } catch (error) {
        // Of several failures the one that does not say that the name is unknown counts.
        if (failure === null || !isMissing.has(codeOf(error))) failure = error;
        if (codeOf(error) === 'ETIMEOUT') break;
      }
    }
    throw failure;
  }

  async #askSystem(name: string): Promise<Resolution> {
    const before = this.#systemCall;
    const call = (async () => {
      await before.catch(() => {});
      return await systemLookup(name, { all: true });
    })();
    this.#systemCall = call;
    const found = (await call).map(({ address }) => parseAddress(address));
    return { addresses: found.filter((one) => one !== null), ttlMs: unknownTtlMs };
  }
}

const loopback: Resolution = {
  addresses: [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ],
  ttlMs: unknownTtlMs,
};

async function askBothFamilies(resolver: Resolver, name: string): Promise<Resolution> {
  const asked = [
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ] as const;
  // One family's answer is enough after a moment: some name servers never answer for the other.
  const first = Promise.any(asked).then(() => sleep(otherFamilyMs, undefined, { ref: false }));
  const outcomes = asked.map(settled);
  await Promise.race([Promise.all(outcomes), first.catch(() => Promise.all(outcomes))]);
  const results = await Promise.all(outcomes.map((one) => Promise.race([one, undecided])));
  const found = results.flatMap((result) => (Array.isArray(result) ? result : []));
  if (found.length > 0) {
    const addresses = found.map(({ address }) => parseAddress(address));
    const ttlMs = 1000 * Math.min(...found.map(({ ttl }) => ttl));
    return {
      addresses: addresses.filter((one) => one !== null),
      ttlMs: Math.min(Math.max(ttlMs, shortestTtlMs), longestTtlMs),
    };
  }
  const errors = results.filter((result) => result instanceof Error);
  throw errors.find((error) => !isMissing.has(codeOf(error))) ?? errors[0];
}

const undecided = Promise.resolve(null);

/** The outcome, as a value. */
function settled<Value>(promise: Promise<Value>): Promise<Value | Error> {
  return promise.catch((error: unknown) => error as Error);
}

/** The full names that a name may stand for, in the order in which they are tried. */
export function candidates(name: string, search: readonly string[], ndots: number): string[] {
  if (name.endsWith('.')) return [name];
  const found = search.map((domain) => `${name}.${domain}`);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...found] : [...found, name];
}

export function parseHosts(text: string): Map<string, NamedAddress[]> {
  const hosts = new Map<string, NamedAddress[]>();
  for (const line of text.split('\n')) {
    const [written = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const address = parseAddress(written);
    if (address === null) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [address]);
      else if (!known.some((one) => one.address === address.address)) known.push(address);
    }
  }
  return hosts;
}

function parseResolver(text: string, servers?: readonly string[]): ResolverOptions {
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [key = '', ...values] = line.trim().split(/\s+/);
    if (key === 'search' || key === 'domain') {
      search = values.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== '');
    }
    if (key !== 'options') continue;
    for (const option of values) {
      const given = /^ndots:(\d+)$/.exec(option)?.[1];
      if (given !== undefined) ndots = Math.min(Number(given), 15);
    }
  }
  // Reads the name servers of the file by itself, and remembers which of them do not answer.
  const resolver = new Resolver({ timeout: questionMs, tries: questions });
  if (servers !== undefined) resolver.setServers(servers);
  return { search, ndots, resolver };
}

/** Whether the system knows names from more than its file and DNS. */
function hasMoreSources(text: string): boolean {
  if (process.platform !== 'linux') return true;
  const sources = /^\s*hosts:(.*)$/m.exec(text)?.[1]?.replaceAll(/\[[^\]]*\]|#.*/g, ' ') ?? '';
  return sources
    .split(/\s+/)
    .some((source) => !['', 'files', 'dns', 'myhostname'].includes(source));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}
