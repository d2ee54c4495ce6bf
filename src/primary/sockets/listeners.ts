import type { ApiConfig, EntryConfig, GatewayConfig } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import { formatAddress, overlap, resolveHost } from './address.ts';
import { bindReason, codeOf } from '../../runtime/system-errors.ts';
import { HeldSocket } from './bound-socket.ts';

/** The next free port is looked for among this many. */
const SKIPPED_PORTS = 1000;
/** Keys of the API's sockets begin so; no host does. */
const apiPrefix = 'api ';
/**
 * A worker accepts one connection a turn of its event loop from each handle that it listens on. From a
 * socket of its own it gets several, of one queue: under load 64 clients that come at once would wait
 * for 40 ms. From a socket that it shares with other workers it gets one, so that all get their part.
 */
const handlesOfOwn = 8;
/** All handles of a worker together, where there are that many: each is a descriptor, and a message. */
const handlesInAll = 256;

/** One configured address, bound. */
export interface HeldListener {
  /** Names the configured address. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  /** One for each worker slot there ever was (reuse_port), or one for all. */
  readonly sockets: readonly HeldSocket[];
}

/** A socket and the entry that is served on it. */
export interface AssignedSocket {
  readonly entry: string;
  readonly socket: HeldSocket;
  /** By how many handles a worker listens on it. */
  readonly handles: number;
}

/** What wants to listen somewhere. */
interface Wish {
  /** For people: `entry es_gateway`. */
  readonly who: string;
  readonly key: string;
  readonly network: ApiConfig['network'];
}

/** Which sockets a configuration is served on; made before any worker is replaced. */
export interface ListenerPlan {
  readonly workers: number;
  readonly entries: readonly { readonly entry: EntryConfig; readonly listener: HeldListener }[];
  /** Where the API listens; null when there is none. */
  readonly api: HeldListener | null;
  /** Bound for this plan; given up again if it is abandoned. */
  readonly added: readonly HeldSocket[];
  /** What of the configuration must wait for a restart, in words. */
  readonly warnings: readonly string[];
}

/**
 * The listening sockets, which outlive every worker. They are kept by configured address, so that
 * port 0 and a skipped port stay what they were over reloads.
 */
export class Listeners {
  #current = new Map<string, HeldListener>();

  /**
   * Works out what to keep and to add for a configuration, and binds what is missing.
   * @throws BIND_FAILED; then nothing has changed
   */
  async plan(config: GatewayConfig, workers: number): Promise<ListenerPlan> {
    const added: HeldSocket[] = [];
    const warnings: string[] = [];
    const entries: { entry: EntryConfig; listener: HeldListener }[] = [];
    try {
      for (const entry of config.entry) {
        const held = this.#current.get(keyOf(entry));
        if (held && held.reusePort !== entry.network.reuse_port) {
          warnings.push(
            `entry ${entry.name}: reuse_port of ${formatAddress(held.host, held.port)} changes at the next restart; the open socket keeps ${held.reusePort}`,
          );
        }
        const taken = entries.map(({ listener }) => listener);
        const listener = held ?? (await this.#bind(wishOf(entry), taken, added));
        entries.push({ entry, listener: extend(listener, workers, entry, added) });
      }
      const taken = entries.map(({ listener }) => listener);
      const api = config.api ? await this.#planApi(config.api, taken, added) : null;
      return { workers, entries, api, added, warnings };
    } catch (error) {
      for (const socket of added) socket.close();
      throw error;
    }
  }

  /** Makes the plan the one in force, and gives up the sockets that it does not use. */
  commit(plan: ListenerPlan): void {
    const all = plan.entries.map(({ listener }) => listener);
    if (plan.api) all.push(plan.api);
    const next = new Map(all.map((listener) => [listener.key, listener]));
    for (const [key, listener] of this.#current) {
      if (!next.has(key)) for (const socket of listener.sockets) socket.close();
    }
    this.#current = next;
  }

  /** Gives up what was bound for a plan that is not to be. */
  abandon(plan: ListenerPlan): void {
    for (const socket of plan.added) socket.close();
  }

  /** Everything that is held. */
  get held(): readonly HeldListener[] {
    return [...this.#current.values()];
  }

  /** Holds what another primary held before. */
  adopt(listeners: readonly HeldListener[]): void {
    for (const listener of listeners) this.#current.set(listener.key, listener);
  }

  /** Gives the entries' up; workers that still accept keep what they were handed. */
  close(): void {
    for (const [key, listener] of this.#current) {
      if (key.startsWith(apiPrefix)) continue;
      for (const socket of listener.sockets) socket.close();
      this.#current.delete(key);
    }
  }

  async #planApi(
    { network }: ApiConfig,
    taken: readonly HeldListener[],
    added: HeldSocket[],
  ): Promise<HeldListener> {
    const key = `${apiPrefix}${formatAddress(network.host.toLowerCase(), network.port)}`;
    const held = this.#current.get(key);
    return held ?? (await this.#bind({ who: 'the API', key, network }, taken, added));
  }

  async #bind(
    { who, key, network }: Wish,
    planned: readonly HeldListener[],
    added: HeldSocket[],
  ): Promise<HeldListener> {
    const { host, port, reuse_port: reusePort } = network;
    const asked = formatAddress(host, port);
    const fail = (reason: string, cause?: unknown): GatewayError =>
      new GatewayError('BIND_FAILED', { who, address: asked, reason }, cause);
    const hosts = await resolveHost(host).catch((error: unknown) => {
      throw fail(bindReason(error), error);
    });
    const own = [...this.#current.values(), ...planned];
    const reasons: string[] = [];
    for (const numeric of hosts) {
      try {
        const socket = bindFree(numeric, network, own);
        added.push(socket);
        return { key, host: numeric, port: socket.port, reusePort, sockets: [socket] };
      } catch (error) {
        const mine = own.find((l) => l.port === port && overlap(l.host, numeric));
        const reason =
          mine && codeOf(error) === 'EADDRINUSE'
            ? `this gateway itself listens on ${formatAddress(mine.host, mine.port)}; moving between overlapping addresses takes a restart`
            : bindReason(error, numeric);
        reasons.push(numeric === host ? reason : `${numeric}: ${reason}`);
      }
    }
    throw fail(reasons.join('; '));
  }
}

/** The sockets that the worker in `slot` listens on. */
export function socketsOf(plan: ListenerPlan, slot: number): AssignedSocket[] {
  const fair = Math.floor(handlesInAll / plan.entries.length);
  const several = Math.max(1, Math.min(handlesOfOwn, fair));
  return plan.entries.flatMap(({ entry, listener }) =>
    listener.sockets
      // A slot that is no more leaves its socket, and what waits there, to another one.
      .filter((_, index) => !listener.reusePort || index % plan.workers === slot)
      .map((socket) => {
        const isOwn = listener.reusePort || plan.workers === 1;
        return { entry: entry.name, socket, handles: isOwn ? several : 1 };
      }),
  );
}

/** Where the API listens: `host:port` as bound; null when there is none. */
export function apiAddressOf({ api }: ListenerPlan): string | null {
  return api ? formatAddress(api.host, api.port) : null;
}

/** Where an entry listens: `host:port` as bound. */
export function addressOf(plan: ListenerPlan, entry: string): string | null {
  const found = plan.entries.find((planned) => planned.entry.name === entry);
  return found ? formatAddress(found.listener.host, found.listener.port) : null;
}

function wishOf(entry: EntryConfig): Wish {
  return { who: `entry ${entry.name}`, key: keyOf(entry), network: entry.network };
}

/** Entries may share port 0, or a port to begin looking from; any other address is one entry's. */
function keyOf({ name, network }: EntryConfig): string {
  const address = formatAddress(network.host.toLowerCase(), network.port);
  return network.port === 0 || network.skip_occupied_port ? `${address} ${name}` : address;
}

function bindFree(
  host: string,
  { port, reuse_port: reusePort, skip_occupied_port: skip }: Wish['network'],
  own: readonly HeldListener[],
): HeldSocket {
  const last = skip && port !== 0 ? Math.min(65_535, port + SKIPPED_PORTS) : port;
  for (let candidate = port; ; candidate++) {
    const mine = candidate !== 0 && own.some((l) => l.port === candidate && overlap(l.host, host));
    if (skip && mine && candidate < last) continue;
    try {
      return HeldSocket.bind(host, candidate, reusePort);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || candidate >= last) throw error;
    }
  }
}

/** The listener with a socket for each slot, if it has one for each. */
function extend(
  listener: HeldListener,
  workers: number,
  entry: EntryConfig,
  added: HeldSocket[],
): HeldListener {
  if (!listener.reusePort || listener.sockets.length >= workers) return listener;
  const { host, port } = listener;
  const sockets = [...listener.sockets];
  try {
    while (sockets.length < workers) {
      const socket = HeldSocket.bind(host, port, true);
      added.push(socket);
      sockets.push(socket);
    }
  } catch (error) {
    const address = formatAddress(host, port);
    const reason = bindReason(error);
    const { who } = wishOf(entry);
    throw new GatewayError('BIND_FAILED', { who, address, reason }, error);
  }
  return { ...listener, sockets };
}
