import type { Server } from 'node:http';
import type { ApiConfig } from '../../config/types.ts';
import type { Log } from '../../log.ts';
import { refuseAccess } from './api-access.ts';
import { limitConnections } from './connection-limit.ts';
import { FailedLogins } from './failed-logins.ts';
import { closeControlServer, type ControlRoutes, createControlServer } from './server.ts';
import type { BoundListener } from '../sockets/listeners.ts';

/** Connections at one time; no honest client needs more. */
const maxConnections = 64;

/** The gateway's HTTP API, on a socket of the listeners, which outlives reloads and upgrades. */
export class Api {
  readonly #routes: ControlRoutes;
  readonly #log: Log;
  readonly #logins = new FailedLogins();
  #config: ApiConfig | null = null;
  #listener: BoundListener | null = null;
  #server: Server | null = null;

  constructor(routes: ControlRoutes, log: Log) {
    this.#routes = routes;
    this.#log = log;
  }

  /** Serves on this listener, as configured; requests under way are finished. */
  serve(config: ApiConfig | null, listener: BoundListener | null): void {
    this.#config = config;
    if (this.#listener?.sockets[0] === listener?.sockets[0]) return;
    void this.close();
    const socket = listener?.sockets[0];
    if (!socket) return;
    this.#listener = listener;
    const server = createControlServer(this.#routes, (request) =>
      this.#config ? refuseAccess(this.#config, request, this.#logins, this.#log) : null,
    );
    limitConnections(server, maxConnections);
    server.on('error', (error) => this.#log.error({ error }, 'the API cannot be served'));
    server.listen(socket.handle);
    this.#server = server;
  }

  /** Accepts no more requests; settles when those under way have been answered. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#listener = null;
    if (server) await closeControlServer(server);
  }
}
