import type { buildConnector } from 'undici';
import { GatewayError } from '../../../errors.ts';
import type {
  ConnectionPermits,
  PermitUser,
} from '../../../shared-limits/worker/node-connection-slots.ts';

interface Waiting {
  readonly options: buildConnector.Options;
  readonly callback: buildConnector.Callback;
  readonly timer: NodeJS.Timeout;
}

/** Lets undici connect only on permits. Its connections carry many requests, so none is closed early. */
export class PermittedConnector implements PermitUser {
  readonly #origin: string;
  readonly #connect: buildConnector.connector;
  readonly #permits: ConnectionPermits;
  readonly #waiting: Waiting[] = [];

  constructor(origin: string, connect: buildConnector.connector, permits: ConnectionPermits) {
    this.#origin = origin;
    this.#connect = connect;
    this.#permits = permits;
  }

  get lacking(): number {
    return this.#waiting.length;
  }

  readonly connect: buildConnector.connector = (options, callback) => {
    if (this.#permits.take()) return this.#open(options, callback);
    const { patience } = this.#permits;
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      const details = { node: this.#origin, wait: patience };
      callback(new GatewayError('UPSTREAM_LIMITED', details), null);
    }, patience);
    const waiting = { options, callback, timer };
    this.#waiting.push(waiting);
    this.#permits.want(this);
  };

  onPermits(): void {
    while (this.#waiting.length > 0 && this.#permits.take()) {
      const { options, callback, timer } = this.#waiting.shift() as Waiting;
      clearTimeout(timer);
      this.#open(options, callback);
    }
  }

  closeIdle(): boolean {
    return false;
  }

  #open(options: buildConnector.Options, callback: buildConnector.Callback): void {
    this.#connect(options, (error, socket) => {
      if (error) {
        this.#permits.release();
        callback(error, null);
      } else {
        socket.once('close', () => this.#permits.release());
        callback(null, socket);
      }
    });
  }
}
