import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FrameReader, type FrameHandler } from '../../../src/http/http2/frames/frame-reader.ts';
import { FrameWriter } from '../../../src/http/http2/frames/frame-writer.ts';
import { ConnectionError, ErrorCode } from '../../../src/http/http2/frames/protocol.ts';
import { frame, frameTypes, uint32 } from '../../support/raw-http2.ts';

/** Notes what it is told, parts of bodies joined. */
class Noting implements FrameHandler {
  readonly seen: string[] = [];
  #body = '';

  onDataBegin(id: number, size: number): void {
    this.seen.push(`data ${id} ${size}`);
  }

  onData(bytes: Buffer, from: number, to: number): void {
    assert.ok(to > from);
    this.#body += bytes.toString('latin1', from, to);
  }

  onDataEnd(isLast: boolean, padding: number): void {
    this.seen.push(`${this.#body} ${isLast} ${padding}`);
    this.#body = '';
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    this.seen.push(`${type} ${flags} ${id} ${bytes.toString('latin1', from, to)}`);
  }
}

function padded(body: string, padding: number): Buffer {
  return Buffer.concat([Buffer.from([padding]), Buffer.from(body), Buffer.alloc(padding)]);
}

/** Keeps each write. */
class Written extends Duplex {
  readonly writes: Buffer[] = [];
  held: (() => void) | null = null;
  holds = false;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(Buffer.from(chunk));
    if (this.holds) this.held = done;
    else done();
  }
}

function writer() {
  const socket = new Written({ writableHighWaterMark: 64 << 10 });
  return { socket, writer: new FrameWriter(socket, { fill: () => false }) };
}

suite('frames', () => {
  test('are read alike, however their bytes come', () => {
    const { DATA, HEADERS, PING, SETTINGS } = frameTypes;
    const bytes = Buffer.concat([
      frame(SETTINGS, 0, 0),
      frame(DATA, 0, 1, Buffer.from('hello')),
      frame(DATA, 8, 3, padded('padded', 7)),
      frame(DATA, 9, 3, padded('', 0)),
      frame(DATA, 8, 5, padded('', 3)),
      frame(DATA, 1, 1),
      frame(HEADERS, 5, 7, Buffer.from('block')),
      frame(0xfa, 3, 9, Buffer.from('unknown')),
      frame(PING, 1, 0, Buffer.from('12345678')),
    ]);
    const expected = [
      '4 0 0 ',
      'data 1 5',
      'hello false 0',
      'data 3 14',
      'padded false 8',
      'data 3 1',
      ' true 1',
      'data 5 4',
      ' false 4',
      'data 1 0',
      ' true 0',
      '1 5 7 block',
      '250 3 9 unknown',
      '6 1 0 12345678',
    ];
    for (let size = 1; size <= bytes.length; size++) {
      const noting = new Noting();
      const reader = new FrameReader(noting);
      for (let at = 0; at < bytes.length; at += size) {
        // As a socket reads them: the memory is another's as soon as the call is over.
        const lent = Buffer.from(bytes.subarray(at, at + size));
        reader.read(lent, 0, lent.length);
        lent.fill(0x21);
      }
      assert.deepEqual(noting.seen, expected, `${size} bytes at a time`);
    }
  });

  test('of an illegal size or stream end the connection', () => {
    const { DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
      frameTypes;
    const cases: [number, Buffer][] = [
      [ErrorCode.frameSizeError, frame(DATA, 0, 1, Buffer.alloc(16_385))],
      [ErrorCode.frameSizeError, frame(0xee, 0, 0, Buffer.alloc(16_385))],
      [ErrorCode.frameSizeError, frame(DATA, 8, 1)],
      [ErrorCode.frameSizeError, frame(RST_STREAM, 0, 1, Buffer.alloc(3))],
      [ErrorCode.frameSizeError, frame(SETTINGS, 0, 0, Buffer.alloc(5))],
      [ErrorCode.frameSizeError, frame(SETTINGS, 1, 0, Buffer.alloc(6))],
      [ErrorCode.frameSizeError, frame(PING, 0, 0, Buffer.alloc(7))],
      [ErrorCode.frameSizeError, frame(GOAWAY, 0, 0, Buffer.alloc(7))],
      [ErrorCode.frameSizeError, frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(5))],
      [ErrorCode.protocolError, frame(DATA, 8, 1, Buffer.from([5, 1, 2, 3, 4]))],
      [ErrorCode.protocolError, frame(DATA, 0, 0)],
      [ErrorCode.protocolError, frame(HEADERS, 4, 0)],
      [ErrorCode.protocolError, frame(CONTINUATION, 4, 0)],
      [ErrorCode.protocolError, frame(2, 0, 0, Buffer.alloc(5))],
      [ErrorCode.protocolError, frame(RST_STREAM, 0, 0, uint32(0))],
      [ErrorCode.protocolError, frame(SETTINGS, 0, 1)],
      [ErrorCode.protocolError, frame(PING, 0, 1, Buffer.alloc(8))],
      [ErrorCode.protocolError, frame(GOAWAY, 0, 1, Buffer.alloc(8))],
    ];
    for (const [code, bytes] of cases) {
      const reader = new FrameReader(new Noting());
      assert.throws(
        () => reader.read(bytes, 0, bytes.length),
        (error) => error instanceof ConnectionError && error.code === code,
        bytes.subarray(0, 9).toString('hex'),
      );
    }
  });

  test('of one turn are written together, and the last one can still be made the last', async () => {
    const { socket, writer: frames } = writer();
    const body = Buffer.from('hello');
    frames.data(1, false, body, 0, 5);
    frames.numbers(frameTypes.WINDOW_UPDATE, 0, 0x01_02_03_04);
    frames.data(3, false, body, 1, 4);
    frames.endStream(frames.lastFrame);
    body.fill(0);
    assert.equal(socket.writes.length, 0);
    await turn();
    const expected = Buffer.concat([
      frame(frameTypes.DATA, 0, 1, Buffer.from('hello')),
      frame(frameTypes.WINDOW_UPDATE, 0, 0, Buffer.from([1, 2, 3, 4])),
      frame(frameTypes.DATA, 1, 3, Buffer.from('ell')),
    ]);
    assert.deepEqual(socket.writes, [expected]);
    frames.text(frameTypes.PING, 1, 0, '\xff\x00345678');
    await turn();
    assert.equal(socket.writes[1]?.toString('hex'), '000008060100000000ff00333435363738');
  });

  test('ask to wait when the other side does not read, and keep their order', async () => {
    const { socket, writer: frames } = writer();
    socket.holds = true;
    const part = Buffer.alloc(16_384, 'x');
    let count = 0;
    for (; !frames.full && count < 1_000; count++) frames.data(1, false, part, 0, part.length);
    assert.ok(count < 20, `${count} frames`);
    await turn();
    assert.ok(frames.isBlocked);
    frames.text(frameTypes.PING, 1, 0, '12345678');
    socket.holds = false;
    socket.held?.();
    await turn();
    await turn();
    assert.equal(frames.full, false);
    const sizes = Buffer.concat(socket.writes);
    assert.equal(sizes.length, count * (9 + part.length) + 17);
    assert.equal(sizes.subarray(-8).toString(), '12345678');
  });

  test('a head that is too large for one frame goes on in CONTINUATIONs', async () => {
    const { socket, writer: frames } = writer();
    const fields = ['x-large', 'y'.repeat(40_000)];
    const encoder = frames.beginHeaders(50_000);
    encoder.status(200);
    encoder.fields(fields);
    frames.endHeaders(1, true);
    await turn();
    const bytes = Buffer.concat(socket.writes);
    const seen: string[] = [];
    for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      seen.push(`${bytes[at + 3]} ${bytes[at + 4]} ${bytes.readUIntBE(at, 3)}`);
    }
    assert.deepEqual(seen.slice(0, 2), ['1 1 16384', '9 0 16384']);
    assert.match(seen[2] ?? '', /^9 4 72\d\d$/);
  });
});
