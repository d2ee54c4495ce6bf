import { spawnSync } from 'node:child_process';
import type { SendHandle } from 'node:child_process';
import * as net from 'node:net';
import { fileURLToPath } from 'node:url';
import { handleOfBound } from '../../runtime/sockets/handles.ts';
import { ownFile } from '../../package.ts';

/** A TCP handle as it travels between processes. */
export type SocketHandle = NonNullable<SendHandle>;

let lastId = 0;

/**
 * A bound socket that the primary keeps for its workers. Connections wait in its queue while no
 * worker lives; it never accepts one itself.
 */
export class BoundSocket {
  /** Identifies the socket for as long as this process holds it. */
  readonly id = ++lastId;
  readonly host: string;
  readonly port: number;
  /** Sent to workers; each listens on a descriptor of its own. */
  readonly handle: SocketHandle;

  private constructor(host: string, port: number, handle: SocketHandle) {
    this.host = host;
    this.port = port;
    this.handle = handle;
  }

  /**
   * Binds one socket. Without `reusePort` it also begins to queue connections at once, because two
   * sockets that are bound but do not listen yet do not exclude each other.
   * @param host numeric address, an IPv6 one perhaps with `%zone`
   * @throws the system's error, with its `code`
   */
  static bind(host: string, port: number, reusePort: boolean): BoundSocket {
    const bound = new net.BoundSocket({ host, port, reusePort });
    try {
      if (!reusePort) listenNow(bound.fd());
      const actual = bound.address().port;
      return new BoundSocket(host, actual, handleOfBound(bound) as SocketHandle);
    } catch (error) {
      bound.close();
      throw error;
    }
  }

  /** Adopts a socket that another primary has bound. */
  static adopt(host: string, port: number, handle: SocketHandle): BoundSocket {
    return new BoundSocket(host, port, handle);
  }

  /** Closes it in the primary; workers that have the socket keep it. */
  close(): void {
    (this.handle as unknown as { close(): void }).close();
  }
}

/**
 * Puts a bound socket into the listening state without ever accepting from it. This process cannot:
 * a handle that listens is polled by its event loop, which accepts. A child that ends at once can.
 */
function listenNow(fd: number): void {
  const child = spawnSync(
    process.execPath,
    [fileURLToPath(ownFile('primary/sockets/listen-child'))],
    {
      stdio: ['ignore', 'pipe', 'pipe', fd],
      encoding: 'utf8',
      timeout: 30_000,
    },
  );
  if (child.status === 0) return;
  const code = child.stdout?.trim() || 'UNKNOWN';
  const reason = child.error?.message ?? (child.stderr?.trim() || `listen ${code}`);
  throw Object.assign(new Error(reason), { code });
}
