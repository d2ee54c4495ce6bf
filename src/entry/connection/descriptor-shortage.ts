import type { Duplex } from 'node:stream';
import { descriptors } from '../../runtime/processes/descriptors.ts';
import type { DenseSet } from '../../runtime/swap-remove-set.ts';
import type { Connection } from './connection.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';

type ShortEntry = Pick<ExchangeOwner, 'name' | 'log' | 'rejections'>;

/** How often a shortage is logged, ms. */
const logEveryMs = 10_000;
/** Connections that are looked at to find one that is idle. */
const looks = 256;

/**
 * What an entry does when the process has few file descriptors left: it closes connections that wait
 * for a request, the longest idle first, and where there is none refuses those that come.
 */
export class DescriptorShortage {
  readonly #entry: ShortEntry;
  readonly #connections: DenseSet<Connection>;
  #from = 0;
  #closed = 0;
  #refused = 0;
  #loggedAt = -Infinity;

  constructor(entry: ShortEntry, connections: DenseSet<Connection>) {
    this.#entry = entry;
    this.#connections = connections;
  }

  begin(): void {
    descriptors.add(this.#giveUp);
  }

  end(): void {
    descriptors.delete(this.#giveUp);
  }

  /** A connection came when there were few descriptors left; false when it had to be refused. */
  admit(socket: Duplex): boolean {
    const hasRoom = descriptors.makeRoom();
    if (!hasRoom) {
      socket.destroy();
      this.#refuse();
    }
    this.#tell();
    return hasRoom;
  }

  /** A connection could not be accepted at all. */
  failed(): void {
    descriptors.makeRoom();
    this.#refuse();
    this.#tell();
  }

  #refuse(): void {
    this.#refused++;
    this.#entry.rejections.add('accept');
  }

  readonly #giveUp = (): boolean => {
    const { size } = this.#connections;
    let idlest: Connection | null = null;
    for (let look = 0; look < Math.min(looks, size); look++) {
      this.#from = (this.#from + 1) % size;
      const connection = this.#connections.at(this.#from);
      if (connection === null || connection.doing !== 'idle') continue;
      if (connection.socket.destroyed) continue;
      if (idlest === null || connection.lastActivity < idlest.lastActivity) idlest = connection;
    }
    if (idlest === null) return false;
    this.#closed++;
    // One that has yet to ask is turned away, as one that comes is.
    if (idlest.requests === 0) this.#entry.rejections.add('accept');
    idlest.destroy();
    return true;
  };

  #tell(): void {
    const now = performance.now();
    if (now - this.#loggedAt < logEveryMs) return;
    this.#loggedAt = now;
    this.#entry.log.warn(
      {
        entry: this.#entry.name,
        closedIdle: this.#closed,
        refused: this.#refused,
        limit: descriptors.limit,
      },
      'file descriptors run out (RLIMIT_NOFILE); idle client connections are closed, and others refused',
    );
    this.#closed = 0;
    this.#refused = 0;
  }
}
