import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endToEnd, type Reading } from './reading.ts';

/** A backend that reads strictly, answers everything, and remembers who asked for what. */
export class RecordingBackend {
  /** What the gateway sent that is not HTTP. */
  readonly faults: string[] = [];
  /** Whole requests, by the address that the gateway says they are from. */
  readonly #requests = new Map<string, Reading[]>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#judge(request);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.complete) this.#record(request, Buffer.concat(chunks).toString('latin1'));
        response.end('ok');
      });
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // A client that goes away in the middle of a body takes the gateway's connection with it.
      const gone = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE';
      // A method that this server does not know is a valid token all the same: the gateway has judged it.
      const isUnknownMethod = error.code === 'HPE_INVALID_METHOD' && startsWithToken(error);
      if (!gone && !isUnknownMethod) this.faults.push(`${error.code}: ${error.message}`);
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

  /** What has come of this client so far, which is forgotten with it. */
  take(client: string): Reading[] {
    const taken = this.#requests.get(client) ?? [];
    this.#requests.delete(client);
    return taken;
  }

  #judge({ rawHeaders, url }: IncomingMessage): void {
    const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    for (const name of ['host', 'content-length', 'transfer-encoding', 'x-forwarded-for']) {
      const count = names.filter((one) => one === name).length;
      if (count > 1) this.faults.push(`${count} ${name} for ${url}`);
    }
    if (names.includes('content-length') && names.includes('transfer-encoding')) {
      this.faults.push(`Content-Length with Transfer-Encoding for ${url}`);
    }
  }

  #record(request: IncomingMessage, body: string): void {
    const { method = '', url = '', headers, rawHeaders, rawTrailers } = request;
    const client = String(headers['x-forwarded-for']);
    const before = this.#requests.get(client) ?? [];
    const reading = {
      method,
      target: url,
      host: headers.host,
      fields: endToEnd(pairsOf(rawHeaders)),
      body,
      trailers: endToEnd(pairsOf(rawTrailers)),
    };
    this.#requests.set(client, [...before, reading]);
  }
}

function pairsOf(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [
    raw[2 * i] as string,
    raw[2 * i + 1] as string,
  ]);
}

/** Whether what the parser refused begins with a method by the grammar of RFC 9110, 5.6.2. */
function startsWithToken(error: NodeJS.ErrnoException & { rawPacket?: Buffer }): boolean {
  const text = error.rawPacket?.toString('latin1') ?? '';
  return text
    .split('\r\n')
    .some((line) => /^[A-Z!#$%&'*+.^_`|~0-9-]+ \/\S* HTTP\/1\.1$/.test(line));
}
