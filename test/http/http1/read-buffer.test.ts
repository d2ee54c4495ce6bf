import assert from 'node:assert/strict';
import { Duplex, Writable } from 'node:stream';
import { suite, test } from 'node:test';
import type { BodySink, BodySource } from '../../../src/http/body/body.ts';
import { writeJoined } from '../../../src/http/http1/coalesce.ts';
import { lend, own, ReadBuffer } from '../../../src/http/http1/read-buffer.ts';
import { RequestBody } from '../../../src/entry/http1/request-body.ts';
import { ReplayBody } from '../../../src/http/body/replay.ts';

/** A connection that reads, and the next one that reads into the same memory, if it is shared. */
function readers(streaming: boolean) {
  const [first, second] = [new ReadBuffer(), new ReadBuffer()];
  first.streaming = streaming;
  second.streaming = streaming;
  return {
    /** Brings `size` bytes of `fill`. */
    read: (size: number, fill: number): Buffer =>
      first.next().fill(fill, 0, size).subarray(0, size),
    /** Reads something else, on both connections. */
    readOn: (): void => {
      first.next().fill(0);
      second.next().fill(0);
    },
    release: (): void => first.release(),
  };
}

/** A connection of which a test decides when it takes what is written. */
class SlowSocket extends Duplex {
  readonly taken: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  atOnce = false;

  constructor() {
    super({ decodeStrings: true });
  }

  override _writev(parts: { chunk: Buffer }[], done: () => void): void {
    const take = (): void => {
      for (const { chunk } of parts) this.taken.push(Buffer.from(chunk));
      done();
    };
    if (this.atOnce) take();
    else this.#waiting.push(take);
  }

  takeAll(): void {
    for (const take of this.#waiting.splice(0)) take();
  }
}

suite('lent bytes', () => {
  for (const streaming of [false, true]) {
    const where = streaming ? 'memory of its own' : 'shared memory';
    for (const size of [1, 16 << 10, (16 << 10) + 1, 64 << 10, 128 << 10]) {
      test(`${size} bytes in ${where}: what is owned stays`, () => {
        const { read, readOn, release } = readers(streaming);
        const owned = own(read(size, 7));
        readOn();
        assert.deepEqual(owned, Buffer.alloc(size, 7));
        const late = read(size, 8);
        release();
        const kept = own(late);
        readOn();
        readers(streaming).read(size, 9);
        assert.deepEqual(kept, Buffer.alloc(size, 8));
      });

      test(`${size} bytes in ${where}: what a connection has not taken stays`, () => {
        const { read, readOn } = readers(streaming);
        for (const [before, behind] of [
          ['', ''],
          ['head\r\n\r\n', ''],
          ['5\r\n', '\r\n'],
        ] as const) {
          const socket = new SlowSocket();
          const expected: Buffer[] = [];
          for (const fill of [1, 2, 3]) {
            writeJoined(socket, before, read(size, fill), behind);
            writeJoined(new SlowSocket(), 'other', read(size, 0));
            readOn();
            expected.push(Buffer.from(before), Buffer.alloc(size, fill), Buffer.from(behind));
            if (fill === 2) socket.takeAll();
          }
          socket.takeAll();
          socket.takeAll();
          assert.ok(Buffer.concat(socket.taken).equals(Buffer.concat(expected)));
        }
      });

      test(`${size} bytes in ${where}: no memory is used up by what is taken at once`, () => {
        const reader = new ReadBuffer();
        reader.streaming = streaming;
        const memory = reader.next();
        const socket = new SlowSocket();
        socket.atOnce = true;
        assert.equal(writeJoined(socket, 'head', memory.subarray(0, size)), true);
        assert.equal(reader.next(), memory);
        assert.equal(socket.writableLength, 0);
      });
    }
  }

  test('a body that no longer streams leaves its memory to the next one', () => {
    const [first, second] = [new ReadBuffer(), new ReadBuffer()];
    first.streaming = true;
    const memory = first.next();
    assert.notEqual(memory, second.next());
    first.streaming = false;
    assert.equal(first.next(), second.next());
    second.streaming = true;
    assert.equal(second.next(), memory);
    second.release();
  });

  test('a connection that takes nothing asks to wait', () => {
    const socket = new SlowSocket();
    const { read } = readers(true);
    let room = true;
    for (let i = 0; room && i < 100; i++) room = writeJoined(socket, '', read(32 << 10, 1));
    assert.equal(room, false);
    assert.equal(socket.writableNeedDrain, true);
  });

  test('a sink is given bytes that stay, unless it says that it needs no such', () => {
    const { read, readOn } = readers(false);
    const got: Buffer[] = [];
    const sink = { write: (chunk: Buffer) => got.push(chunk) > 0, end() {}, fail() {} };
    lend(sink, read(100, 1));
    lend({ ...sink, takesLent: true }, read(100, 2));
    readOn();
    assert.deepEqual(got, [Buffer.alloc(100, 1), Buffer.alloc(100, 0)]);
  });

  test('bytes that are not lent are left alone', () => {
    const chunk = Buffer.alloc(100, 1);
    assert.equal(own(chunk), chunk);
    const written: Buffer[] = [];
    const socket = new Writable({
      write(part: Buffer, _encoding, done) {
        written.push(part);
        done();
      },
    });
    writeJoined(socket as Duplex, '', chunk);
    assert.equal(written[0], chunk);
  });

  /** A sink that remembers what it was given. */
  function collector(got: Buffer[]): BodySink {
    return { write: (chunk) => got.push(Buffer.from(chunk)) > 0, end() {}, fail() {} };
  }

  test('a body that nobody takes yet keeps what was lent to it', () => {
    const { read, readOn } = readers(false);
    const flow = { gone: false, pause() {}, resume() {}, askForBody() {} };
    const limits = { maxBodyBytes: Infinity, headLimits: { maxBytes: 1000, maxFields: 10 } };
    const bodyOf = (length: number) =>
      new RequestBody(flow, { length, expectsContinue: false }, limits);
    const body = bodyOf(300);
    body.receive(read(100, 1), 0, 100);
    body.keep();
    readOn();
    body.receive(read(100, 2), 0, 100);
    readOn();
    const later = bodyOf(100);
    later.keep();
    later.receive(read(100, 3), 0, 100);
    readOn();
    const got: Buffer[] = [];
    body.start(collector(got));
    later.start(collector(got));
    const expected = [Buffer.alloc(100, 1), Buffer.alloc(100, 2), Buffer.alloc(100, 3)];
    assert.deepEqual(Buffer.concat(got), Buffer.concat(expected));
  });

  test('a body that may be sent again keeps what was lent to it', () => {
    const { read, readOn } = readers(false);
    let pushed: BodySink | null = null;
    const source: BodySource = {
      length: 200,
      start: (to) => (pushed = to),
      resume() {},
      cancel() {},
    };
    const body = new ReplayBody(source);
    const first: Buffer[] = [];
    const second: Buffer[] = [];
    body.start(collector(first));
    const sink = pushed as BodySink | null;
    assert.ok(sink !== null);
    lend(sink, read(100, 1));
    readOn();
    body.rewind();
    lend(sink, read(100, 2));
    readOn();
    body.start(collector(second));
    assert.deepEqual(first, [Buffer.alloc(100, 1)]);
    assert.deepEqual(second, [Buffer.alloc(100, 1), Buffer.alloc(100, 2)]);
  });
});
