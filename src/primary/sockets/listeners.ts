import type { ApiConfig, EntryConfig, GatewayConfig } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import { formatAddress, overlap, resolveHost } from './address.ts';
import { describeBindError, codeOf } from '../../runtime/system-errors.ts';
import { BoundSocket } from './bound-socket.ts';

/** Occupied ports that may be skipped. */
const maxSkippedPorts = 1000;
/** Prefix of the keys of the API's sockets; no host begins with it. */
const apiPrefix = 'api ';
/**
 * A worker accepts one connection per turn of its event loop from each handle that it listens on. Of a
 * socket of its own it gets several handles to one queue: with one, 64 clients that connect at the same
 * time would wait for 40 ms under load. Of a socket that workers share, each gets one handle, so that
 * connections are spread evenly.
 */
const handlesOfOwn = 8;
/** Limit for all handles of a worker together: each costs a descriptor and a message. */
const handlesInAll = 256;

/** One configured address, bound. */
export interface BoundListener {
  /** Identifies the configured address. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  /** One for each worker slot that has existed (reuse_port), or one for all. */
  readonly sockets: readonly BoundSocket[];
}

/** A socket and the entry that is served on it. */
export interface AssignedSocket {
  readonly entry: string;
  readonly socket: BoundSocket;
  /** By how many handles a worker listens on it. */
  readonly handles: number;
}

/** A request to listen, of an entry or the API. */
interface ListenRequest {
  /** For people: `entry es_gateway`. */
  readonly who: string;
  readonly key: string;
  readonly network: ApiConfig['network'];
}

/** The sockets of a configuration; made before any worker is replaced. */
export interface ListenerPlan {
  readonly workers: number;
  readonly entries: readonly { readonly entry: EntryConfig; readonly listener: BoundListener }[];
  /** Socket of the API; null without an API. */
  readonly api: BoundListener | null;
  /** Bound for this plan; closed if it is abandoned. */
  readonly added: readonly BoundSocket[];
  /** Changes that take a restart, in words. */
  readonly warnings: readonly string[];
}

/**
 * The listening sockets, which outlive every worker. They are kept by configured address, so that
 * a port that the system chose, or the next free one, stays the same over reloads.
 */
export class Listeners {
  #current = new Map<string, BoundListener>();

  /**
   * Determines the sockets of a configuration, and binds those that are missing.
   * @throws BIND_FAILED; then nothing has changed
   */
  async plan(config: GatewayConfig, workers: number): Promise<ListenerPlan> {
    const added: BoundSocket[] = [];
    const warnings: string[] = [];
    const entries: { entry: EntryConfig; listener: BoundListener }[] = [];
    try {
      for (const entry of config.entry) {
        const bound = this.#current.get(keyOf(entry));
        if (bound && bound.reusePort !== entry.network.reuse_port) {
          warnings.push(
            `entry ${entry.name}: reuse_port of ${formatAddress(bound.host, bound.port)} changes at the next restart; the open socket keeps ${bound.reusePort}`,
          );
        }
        const taken = entries.map(({ listener }) => listener);
        const listener = bound ?? (await this.#bind(requestOf(entry), taken, added));
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

  /** Makes the plan the current one, and closes the sockets that it does not use. */
  commit(plan: ListenerPlan): void {
    const all = plan.entries.map(({ listener }) => listener);
    if (plan.api) all.push(plan.api);
    const next = new Map(all.map((listener) => [listener.key, listener]));
    for (const [key, listener] of this.#current) {
      if (!next.has(key)) for (const socket of listener.sockets) socket.close();
    }
    this.#current = next;
  }

  /** Closes the sockets that were bound for a plan that failed. */
  abandon(plan: ListenerPlan): void {
    for (const socket of plan.added) socket.close();
  }

  /** Everything that is bound. */
  get bound(): readonly BoundListener[] {
    return [...this.#current.values()];
  }

  /** Takes over the sockets of another primary. */
  adopt(listeners: readonly BoundListener[]): void {
    for (const listener of listeners) this.#current.set(listener.key, listener);
  }

  /** Closes the sockets of entries; workers that still accept keep theirs. */
  close(): void {
    for (const [key, listener] of this.#current) {
      if (key.startsWith(apiPrefix)) continue;
      for (const socket of listener.sockets) socket.close();
      this.#current.delete(key);
    }
  }

  async #planApi(
    { network }: ApiConfig,
    taken: readonly BoundListener[],
    added: BoundSocket[],
  ): Promise<BoundListener> {
    const key = `${apiPrefix}${formatAddress(network.host.toLowerCase(), network.port)}`;
    const bound = this.#current.get(key);
    return bound ?? (await this.#bind({ who: 'the API', key, network }, taken, added));
  }

  async #bind(
    { who, key, network }: ListenRequest,
    planned: readonly BoundListener[],
    added: BoundSocket[],
  ): Promise<BoundListener> {
    const { host, port, reuse_port: reusePort } = network;
    const asked = formatAddress(host, port);
    const fail = (reason: string, cause?: unknown): GatewayError =>
      new GatewayError('BIND_FAILED', { who, address: asked, reason }, cause);
    const hosts = await resolveHost(host).catch((error: unknown) => {
      throw fail(describeBindError(error), error);
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
            : describeBindError(error, numeric);
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
      // The socket of a removed slot, and its queue, go to another slot.
      .filter((_, index) => !listener.reusePort || index % plan.workers === slot)
      .map((socket) => {
        const isOwn = listener.reusePort || plan.workers === 1;
        return { entry: entry.name, socket, handles: isOwn ? several : 1 };
      }),
  );
}

/** Address of the API, `host:port` as bound; null without an API. */
export function apiAddressOf({ api }: ListenerPlan): string | null {
  return api ? formatAddress(api.host, api.port) : null;
}

/** Address of an entry, `host:port` as bound. */
export function addressOf(plan: ListenerPlan, entry: string): string | null {
  const found = plan.entries.find((planned) => planned.entry.name === entry);
  return found ? formatAddress(found.listener.host, found.listener.port) : null;
}

function requestOf(entry: EntryConfig): ListenRequest {
  return { who: `entry ${entry.name}`, key: keyOf(entry), network: entry.network };
}

/** Entries may share port 0, or the first of the ports to try; any other address belongs to one. */
function keyOf({ name, network }: EntryConfig): string {
  const address = formatAddress(network.host.toLowerCase(), network.port);
  return network.port === 0 || network.skip_occupied_port ? `${address} ${name}` : address;
}

function bindFree(
  host: string,
  { port, reuse_port: reusePort, skip_occupied_port: skip }: ListenRequest['network'],
  own: readonly BoundListener[],
): BoundSocket {
  const last = skip && port !== 0 ? Math.min(65_535, port + maxSkippedPorts) : port;
  for (let candidate = port; ; candidate++) {
    const mine = candidate !== 0 && own.some((l) => l.port === candidate && overlap(l.host, host));
    if (skip && mine && candidate < last) continue;
    try {
      return BoundSocket.bind(host, candidate, reusePort);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || candidate >= last) throw error;
    }
  }
}

/** Adds sockets for further slots to a listener with one socket per slot. */
function extend(
  listener: BoundListener,
  workers: number,
  entry: EntryConfig,
  added: BoundSocket[],
): BoundListener {
  if (!listener.reusePort || listener.sockets.length >= workers) return listener;
  const { host, port } = listener;
  const sockets = [...listener.sockets];
  try {
    while (sockets.length < workers) {
      const socket = BoundSocket.bind(host, port, true);
      added.push(socket);
      sockets.push(socket);
    }
  } catch (error) {
    const address = formatAddress(host, port);
    const reason = describeBindError(error);
    const { who } = requestOf(entry);
    throw new GatewayError('BIND_FAILED', { who, address, reason }, error);
  }
  return { ...listener, sockets };
}
