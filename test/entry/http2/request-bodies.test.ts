import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BodySource, collect } from '../../../src/http/body/body.ts';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerOf, startHttp2 } from '../../support/http2-client.ts';
import { block, flags, frame, frameTypes, RawHttp2 } from '../../support/raw-http2.ts';
import { eventually } from '../../support/eventually.ts';

const post = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'gate.test'],
] as const;

/** Reads the body after a while, as a flow does that has to wait for a slot or a connection. */
async function readLate({ request, response }: RequestContext): Promise<void> {
  await sleep(50);
  const body = await collect(request.body, 1 << 20);
  response.status = 200;
  response.body = Buffer.from(`${body.length} bytes`);
}

suite('bodies of HTTP/2 requests', { timeout: 60_000 }, () => {
  test('a body that ended before anybody read it has ended', async (t) => {
    const { client, port, entry } = await startHttp2(t, readLate);
    const stream = client.request({ ':method': 'POST' }, { endStream: false });
    stream.end();
    assert.equal((await answerOf(stream)).body, '0 bytes');

    // HEADERS, and END_STREAM in an empty DATA frame of its own.
    const raw = await RawHttp2.connect(t, port);
    raw.send(
      frame(frameTypes.HEADERS, flags.endHeaders, 1, block(post)),
      frame(frameTypes.DATA, flags.endStream, 1),
    );
    assert.equal((await raw.next(frameTypes.DATA, 1))?.payload.toString(), '0 bytes');
    await eventually('the end of the requests', () => entry.inspect().requests === 0);
  });

  test('trailers alone end a body that nobody read before', async (t) => {
    let trailers: readonly string[] | undefined;
    const { port } = await startHttp2(t, async ({ request, response }) => {
      await sleep(50);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      (request.body as BodySource).start({
        write: () => true,
        end(told) {
          trailers = told;
          resolve();
        },
        fail: reject,
      });
      await promise;
      response.status = 200;
    });
    const raw = await RawHttp2.connect(t, port);
    raw.send(
      frame(frameTypes.HEADERS, flags.endHeaders, 1, block(post)),
      frame(frameTypes.HEADERS, flags.endHeaders | flags.endStream, 1, block([['x-sum', '7']])),
    );
    assert.ok(await raw.next(frameTypes.HEADERS, 1));
    assert.deepEqual(trailers, ['x-sum', '7']);
  });

  test('a small body that came before anybody read it arrives', async (t) => {
    const { client } = await startHttp2(t, readLate);
    for (const size of [1, 1000, 100_000]) {
      const stream = client.request({ ':method': 'POST' });
      stream.end(Buffer.alloc(size));
      assert.equal((await answerOf(stream)).body, `${size} bytes`);
    }
  });
});
