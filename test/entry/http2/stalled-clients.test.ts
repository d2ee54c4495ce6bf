import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BodySink } from '../../../src/http/body/body.ts';
import type { RequestContext } from '../../../src/http/context.ts';
import { startHttp2 } from '../../support/http2-client.ts';
import {
  block,
  flags,
  frame,
  frameTypes,
  RawHttp2,
  settings,
  uint32,
} from '../../support/raw-http2.ts';
import { eventually } from '../../support/eventually.ts';

const { DATA, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE } = frameTypes;
const writeTimeout = 400;
const get = block([
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'gate.test'],
]);

/** A response of 8 MB that waits for its client. */
function large({ response }: RequestContext): void {
  const part = Buffer.alloc(64 << 10);
  let left = 128;
  let sink: BodySink | null = null;
  const write = (): void => {
    while (left > 0) {
      left--;
      if (sink?.write(part) === false) return;
    }
    sink?.end();
    sink = null;
  };
  response.status = 200;
  response.body = {
    length: 128 * part.length,
    start(to) {
      sink = to;
      write();
    },
    resume: write,
    cancel: () => (sink = null),
  };
}

/** A client that takes nothing of its streams, and keeps the connection busy by `frames`. */
async function stuckClient(t: TestContext, frames: () => Buffer[]) {
  const started = await startHttp2(t, large, { config: { write_timeout: writeTimeout } });
  const raw = await RawHttp2.connect(t, started.port);
  raw.send(frame(SETTINGS, 0, 0, settings({ initialWindowSize: 0 })));
  for (let stream = 1; stream < 20; stream += 2) {
    raw.send(frame(HEADERS, flags.endHeaders | flags.endStream, stream, get));
  }
  const timer = setInterval(() => raw.send(...frames()), 20);
  t.after(() => clearInterval(timer));
  return { ...started, raw };
}

suite('HTTP/2 clients that do not read', { timeout: 60_000 }, () => {
  test('pings are no progress: write_timeout ends the connection', async (t) => {
    const { entry, raw } = await stuckClient(t, () => [frame(PING, 0, 0, Buffer.alloc(8))]);
    await eventually('the requests', () => entry.inspect().requests === 10);
    await eventually('the end of the connection', () => raw.closed);
    await eventually('the end of the requests', () => entry.inspect().requests === 0);
  });

  test('room for the connection is none for a stream: each stuck stream is reset', async (t) => {
    const { entry, raw } = await stuckClient(t, () => [frame(WINDOW_UPDATE, 0, 0, uint32(1))]);
    await eventually('the requests', () => entry.inspect().requests === 10);
    await eventually('the end of the requests', () => entry.inspect().requests === 0);
    const resets = (): number => raw.frames.filter(({ type }) => type === RST_STREAM).length;
    await eventually('the resets', () => resets() === 10);
    assert.equal(raw.closed, false);
  });

  test('a client that reads slowly is served', async (t) => {
    const { entry, port } = await startHttp2(t, large, { config: { write_timeout: writeTimeout } });
    const raw = await RawHttp2.connect(t, port);
    raw.send(
      frame(SETTINGS, 0, 0, settings({ initialWindowSize: 0 })),
      frame(HEADERS, flags.endHeaders | flags.endStream, 1, get),
    );
    for (let i = 0; i < 20; i++) {
      // oxlint-disable-next-line no-await-in-loop -- it takes some bytes now and then
      await sleep(writeTimeout / 4);
      raw.send(frame(WINDOW_UPDATE, 0, 1, uint32(4096)));
    }
    assert.equal(entry.inspect().requests, 1);
    const taken = raw.frames.filter(({ type }) => type === DATA);
    assert.ok(taken.reduce((sum, { payload }) => sum + payload.length, 0) >= 15 * 4096);
  });
});
