/** HTTP/2 frame by frame, for what no client library sends. */
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import tls, { type TLSSocket } from 'node:tls';
import { eventually } from './eventually.ts';

export const frameTypes = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const flags = { ack: 1, endStream: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export type Field = readonly [name: string, value: string];

export function frame(
  type: number,
  flagBits: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flagBits;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The payload of a SETTINGS frame. */
export function settings({ initialWindowSize }: { initialWindowSize: number }): Buffer {
  return Buffer.concat([Buffer.from([0, 4]), uint32(initialWindowSize)]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** HPACK without compression; `indexed`: kept in the table of the other side. */
export function block(fields: readonly Field[], indexed = false): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    return Buffer.concat([length(bytes.length), bytes]);
  };
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([indexed ? 0x40 : 0x00]),
      text(name),
      text(value),
    ]),
  );
}

/** An HPACK integer with a prefix of seven bits. */
function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A connection that has sent its preface. */
export class RawHttp2 {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  /** Bytes before the first frame. */
  #skipped: number;

  private constructor(socket: TLSSocket, skipped = 0) {
    this.socket = socket;
    this.#skipped = skipped;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async connect(t: TestContext, port: number): Promise<RawHttp2> {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    const socket = tls.connect({ ...options, ALPNProtocols: ['h2'] });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    const client = new RawHttp2(socket);
    client.send(preface, frame(frameTypes.SETTINGS, 0, 0));
    return client;
  }

  /** The server's side of a connection. */
  static accepted(socket: TLSSocket): RawHttp2 {
    return new RawHttp2(socket, preface.length);
  }

  /** False when the system takes no more for now. */
  send(...frames: readonly Buffer[]): boolean {
    return this.socket.writable && this.socket.write(Buffer.concat(frames));
  }

  get closed(): boolean {
    return this.socket.closed || this.socket.readableEnded || !this.socket.writable;
  }

  /** Waits for a frame of this type, or for the end of the connection: null. */
  async next(type: number, stream?: number): Promise<Frame | null> {
    let found: Frame | undefined;
    await eventually('a frame', () => {
      found = this.frames.find((one) => {
        return one.type === type && (stream === undefined || one.stream === stream);
      });
      return found !== undefined || this.closed;
    });
    return found ?? null;
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < this.#skipped) return;
    this.#bytes = this.#bytes.subarray(this.#skipped);
    this.#skipped = 0;
    for (;;) {
      const bytes = this.#bytes;
      const end = bytes.length < 9 ? Infinity : 9 + bytes.readUIntBE(0, 3);
      if (bytes.length < end) return;
      this.frames.push({
        type: bytes[3] as number,
        flags: bytes[4] as number,
        stream: bytes.readUInt32BE(5) & 0x7fffffff,
        payload: bytes.subarray(9, end),
      });
      this.#bytes = bytes.subarray(end);
    }
  }
}
