import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';

/**
 * Has an HTTP server accept no more; settles when its connections have closed. Its own `close` (since
 * 19) resets connections whose request has come and has not been read yet.
 *
 * Relies on: `net.Server.prototype.close` serves an HTTP server, which is one by its documentation. What
 * else node:http does to close is left to its own `close`, which is to be called afterwards.
 */
export function acceptNoMore(server: Server): Promise<void> {
  return new Promise((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
}
