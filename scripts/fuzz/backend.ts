import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A backend that reads strictly, answers everything, and remembers who asked for what. */
export class RecordingBackend {
  /** What the gateway sent that is not HTTP. */
  readonly faults: string[] = [];
  /** Requests by what stands in their target: `/fuzz-7-` and the like. */
  readonly requests = new Map<string, number>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const id = /fuzz-\d+-/.exec(request.url ?? '')?.[0];
      if (id !== undefined) this.requests.set(id, (this.requests.get(id) ?? 0) + 1);
      const names = request.rawHeaders
        .filter((_, i) => i % 2 === 0)
        .map((name) => name.toLowerCase());
      for (const name of ['host', 'content-length', 'transfer-encoding']) {
        const count = names.filter((one) => one === name).length;
        if (count > 1) this.faults.push(`${count} ${name} for ${request.url}`);
      }
      if (names.includes('content-length') && names.includes('transfer-encoding')) {
        this.faults.push(`Content-Length with Transfer-Encoding for ${request.url}`);
      }
      request.resume().on('end', () => response.end('ok'));
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // A client that goes away in the middle of a body takes the gateway's connection with it.
      const gone = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE';
      if (!gone) this.faults.push(`${error.code}: ${error.message}`);
      socket.destroy();
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
