/** A DNS server on loopback, for tests. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

/** What a name leads to: addresses, no such name, a failure, or no answer at all. */
export type NameRecord =
  | { readonly addresses: readonly string[]; readonly ttl?: number; readonly delayMs?: number }
  | 'missing'
  | 'failing'
  | 'silent';

const type = { a: 1, aaaa: 28 };
const code = { none: 0, failing: 2, missing: 3 };

export class NameServer {
  /** By name in lower case; those that are not here are missing. */
  readonly records = new Map<string, NameRecord>();
  /** Names that were asked for their IPv4 addresses. */
  readonly asked: string[] = [];
  readonly #socket = createSocket('udp4');
  #open = true;

  static async start(t: TestContext, address = '127.0.0.1', port = 0): Promise<NameServer> {
    const server = new NameServer();
    server.#socket.on('message', (message, from) => server.#onQuestion(message, from));
    server.#socket.bind(port, address);
    await once(server.#socket, 'listening');
    t.after(() => {
      server.#open = false;
      server.#socket.close();
    });
    return server;
  }

  get address(): string {
    const { address, port } = this.#socket.address();
    return `${address}:${port}`;
  }

  #onQuestion(message: Buffer, from: RemoteInfo): void {
    const labels: string[] = [];
    let at = 12;
    for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const kind = message.readUInt16BE(at + 1);
    const question = message.subarray(12, at + 5);
    const name = labels.join('.').toLowerCase();
    if (kind === type.a) this.asked.push(name);
    const record = this.records.get(name) ?? 'missing';
    if (record === 'silent') return;
    const found = typeof record === 'object' ? record : { addresses: [], ttl: 0 };
    const status =
      record === 'missing' ? code.missing : record === 'failing' ? code.failing : code.none;
    const answers =
      kind === type.a ? found.addresses.map((one) => answer(one, found.ttl ?? 60)) : [];
    const head = Buffer.alloc(12);
    message.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | status, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(answers.length, 6);
    const reply = Buffer.concat([head, question, ...answers]);
    const send = (): void => {
      if (this.#open) this.#socket.send(reply, from.port, from.address);
    };
    setTimeout(send, found.delayMs ?? 0).unref();
  }
}

/** A record for the name of the question. */
function answer(address: string, ttl: number): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(type.a, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(ttl, 6);
  record.writeUInt16BE(4, 10);
  Buffer.from(address.split('.').map(Number)).copy(record, 12);
  return record;
}
