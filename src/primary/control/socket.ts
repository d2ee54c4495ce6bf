import type { Server } from 'node:http';
import { linkSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { GatewayError } from '../../errors.ts';
import { codeOf } from '../../runtime/system-errors.ts';
import { requestControl } from './client.ts';
import { closeControlServer, type ControlRoutes, createControlServer } from './server.ts';
import { withShortPath } from '../instance/data-folder.ts';

/**
 * The control socket: HTTP with JSON bodies on a unix socket that only this user may open. The process
 * that holds it is the gateway of that data folder. It is created under another name and then linked,
 * so that of two gateways that start at the same time only one gets it.
 */
export class Control {
  readonly path: string;
  readonly #server: Server;
  #inode = 0;

  private constructor(path: string, routes: ControlRoutes) {
    this.path = path;
    this.#server = createControlServer(routes);
  }

  /**
   * @param succeed takes the path over from the gateway that holds it
   * @throws ALREADY_RUNNING when a live gateway answers on that path
   */
  static async open(path: string, routes: ControlRoutes, succeed = false): Promise<Control> {
    const control = new Control(path, routes);
    await control.#listen();
    try {
      if (succeed) renameSync(control.#privatePath, path);
      else await control.#claim();
    } catch (error) {
      control.#server.close();
      throw error;
    } finally {
      unlinkQuietly(control.#privatePath);
    }
    return control;
  }

  /** Answers the requests under way, accepts no more, and gives the path up. */
  async close(): Promise<void> {
    if (this.isInPlace) unlinkQuietly(this.path);
    await closeControlServer(this.#server);
  }

  /** Whether the path still leads to this socket. */
  get isInPlace(): boolean {
    return inodeOf(this.path) === this.#inode;
  }

  get #privatePath(): string {
    return `${this.path}.${process.pid}`;
  }

  async #listen(): Promise<void> {
    unlinkQuietly(this.#privatePath);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).once('listening', resolve);
    // The socket is created by listen(), and is never accessible to other users.
    const mask = process.umask(0o177);
    try {
      withShortPath(this.#privatePath, (short) => this.#server.listen(short));
    } finally {
      process.umask(mask);
    }
    await promise;
    this.#inode = inodeOf(this.#privatePath);
  }

  async #claim(): Promise<void> {
    for (;;) {
      try {
        linkSync(this.#privatePath, this.path);
        return;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const pid = await holderOf(this.path);
      if (pid) throw new GatewayError('ALREADY_RUNNING', { pid, path: this.path });
      await this.#removeStale();
    }
  }

  /** Removes a dead socket, unless another gateway has just replaced it by a live one. */
  async #removeStale(): Promise<void> {
    const aside = `${this.path}.stale.${process.pid}`;
    try {
      renameSync(this.path, aside);
    } catch {
      return;
    }
    if (await holderOf(aside)) linkSync(aside, this.path);
    unlinkQuietly(aside);
  }
}

/** The process that answers on a control socket; `unknown` without a process id; or null. */
async function holderOf(path: string): Promise<number | string | null> {
  try {
    const { body } = await requestControl(path, 'GET', '/pid');
    return (body as { pid?: number } | null)?.pid ?? 'unknown';
  } catch (error) {
    const cause = codeOf((error as Error).cause);
    if (cause === 'ECONNREFUSED' || cause === 'ENOENT' || cause === 'ENOTSOCK') return null;
    return 'unknown';
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // There is none.
  }
}
