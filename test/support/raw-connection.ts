/** One end of a connection as raw bytes, a client's or a node's, which remembers what it received. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { patienceMs } from './eventually.ts';

type Expected = RegExp | ((connection: RawConnection) => boolean);

export class RawConnection {
  readonly socket: net.Socket;
  readonly #bare: net.Socket;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  /** Everything received, Latin-1. */
  received = '';
  /** The other side has ended its half. */
  ended = false;
  isClosed = false;
  error: Error | null = null;

  /** @param bare the socket that carries `socket`, where that speaks TLS */
  constructor(socket: net.Socket, bare = socket) {
    this.socket = socket;
    this.#bare = bare;
    const changed = (): void => void this.#changes.emit('change');
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      changed();
    });
    socket.on('end', () => {
      this.ended = true;
      changed();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.isClosed = true;
      changed();
    });
  }

  /** A client's connection; it closes with the test. */
  static async connect(t: TestContext, port: number, host = '127.0.0.1'): Promise<RawConnection> {
    const socket = net.connect({ port, host, noDelay: true });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1');
  }

  /** Waits for something in what was received, or for a state; fails when the connection closes first. */
  async until(expected: Expected): Promise<string> {
    const holds = typeof expected === 'function' ? expected : () => expected.test(this.received);
    const signal = AbortSignal.timeout(patienceMs);
    while (!holds(this)) {
      const state = this.isClosed ? `closed ${this.error ?? ''}` : 'open';
      assert.ok(
        !this.isClosed && !signal.aborted,
        `${String(expected)} did not come; ${state} after ${JSON.stringify(this.received.slice(-1000))}`,
      );
      // The signal's error is reported above.
      await once(this.#changes, 'change', { signal }).catch(() => {});
    }
    return this.received;
  }

  /** Waits until the other side has ended the connection; fails on a reset. */
  async untilEnded(): Promise<void> {
    await this.until(({ ended, isClosed }) => ended || isClosed);
    assert.equal(this.error, null);
  }

  /** Waits until the connection is closed, in whichever way. */
  async untilClosed(): Promise<void> {
    await this.until(({ isClosed }) => isClosed);
  }

  /** Takes one message head from what was received. */
  async head(): Promise<string> {
    await this.until(/\r\n\r\n/);
    const end = this.received.indexOf('\r\n\r\n') + 4;
    const head = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return head;
  }

  /** How many responses have come. */
  get responses(): number {
    return this.received.match(/HTTP\/1\.1 \d\d\d /g)?.length ?? 0;
  }

  /** Breaks the connection as a crash would. */
  reset(): void {
    this.#bare.resetAndDestroy();
  }
}
