/** The same exchanges over every kind of server session: what a flow sees and decides is the same. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import type { BodySink, BodySource } from '../../src/http/body/body.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { answerPath, startEntry } from '../support/entry.ts';
import { eventually } from '../support/eventually.ts';
import { sessionClient, sessionKinds, whole } from '../support/server-sessions.ts';
import { withTls } from '../support/tls.ts';

const part = Buffer.alloc(64 << 10, 'x');

/** Answers with the request's body as it comes, and its trailers. */
function echo({ request, response }: RequestContext): void {
  response.status = 200;
  response.headers.append('X-Method', request.method);
  response.body = request.body;
}

/** A body of `left` parts that pauses and goes on as its reader asks. */
class PausingBody implements BodySource {
  readonly length: number | undefined;
  written = 0;
  pauses = 0;
  cancelled = false;
  #left: number;
  #sink: BodySink | null = null;

  constructor(parts: number, length: number | undefined) {
    this.length = length;
    this.#left = parts;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    while (this.#left > 0) {
      this.#left--;
      this.written += part.length;
      if (this.#sink?.write(part) === false) {
        this.pauses++;
        return;
      }
    }
    this.#sink?.end(this.length === undefined ? ['X-Sum', '7'] : []);
    this.#sink = null;
  }

  cancel(): void {
    this.cancelled = true;
    this.#sink = null;
  }
}

for (const kind of sessionKinds) {
  suite(`a server session of ${kind.name}`, { timeout: 60_000, concurrency: true }, () => {
    const start = async (t: TestContext, handle: (context: RequestContext) => unknown) => {
      const { entry, port } = await startEntry(
        t,
        (context) =>
          context.request.path === '/next' ? answerPath(context) : (handle(context) as void),
        { config: kind.secure ? withTls() : {} },
      );
      const client = sessionClient(t, kind, port);
      /** The connection serves on, and holds nothing of the exchanges before. */
      const goesOn = async (): Promise<void> => {
        assert.equal((await whole(client, { path: '/next' })).text, '/next');
        await eventually('no request', () => entry.inspect().requests === 0);
        assert.equal(entry.inspect().connections, 1);
      };
      return { entry, client, goesOn };
    };

    test('GET has no body and is answered with a length', async (t) => {
      const { client, goesOn } = await start(t, ({ request, response }) => {
        response.status = request.body === null ? 200 : 500;
        response.body = Buffer.from('hello');
      });
      const answer = await whole(client, {});
      assert.deepEqual([answer.status, answer.text], [200, 'hello']);
      assert.equal(answer.headers['content-length'], '5');
      await goesOn();
    });

    test('POST with a length and without one', async (t) => {
      const lengths: (number | undefined)[] = [];
      const { client, goesOn } = await start(t, (context) => {
        const { body } = context.request;
        lengths.push(body === null ? 0 : body.length);
        echo(context);
      });
      for (const headers of [{ 'content-length': '6' }, {}] as Record<string, string>[]) {
        const pieces = [Buffer.from('abc'), Buffer.from('def')];
        // oxlint-disable-next-line no-await-in-loop -- on one connection
        const answer = await whole(client, { method: 'POST', headers }, pieces);
        assert.deepEqual([answer.status, answer.text], [200, 'abcdef']);
        assert.equal(answer.headers['x-method'], 'POST');
        assert.equal(answer.headers['content-length'], headers['content-length']);
      }
      assert.deepEqual(lengths, [6, undefined]);
      await goesOn();
    });

    test('trailers go both ways', async (t) => {
      const { client, goesOn } = await start(t, echo);
      const asked = { method: 'POST', headers: { trailer: 'x-sum' }, trailers: { 'x-sum': '42' } };
      const answer = await whole(client, asked, [Buffer.from('abc')]);
      assert.equal(answer.text, 'abc');
      assert.equal(answer.trailers['x-sum'], '42');
      await goesOn();
    });

    test('a body that is expected is asked for when it is wanted', async (t) => {
      const { client, goesOn } = await start(t, async ({ request, response }) => {
        response.body = await request.readBody(100);
        response.status = 200;
      });
      const headers = { expect: '100-continue', 'content-length': '4' };
      const { body, answer, continued } = client.ask({ method: 'POST', headers });
      await continued;
      body.end('late');
      const { status, body: incoming } = await answer;
      assert.equal(status, 200);
      assert.equal((await incoming.toArray()).join(''), 'late');
      await goesOn();
    });

    test('HEAD, 204 and 304 have no body', async (t) => {
      const { client, goesOn } = await start(t, ({ request, response }) => {
        response.status = request.method === 'HEAD' ? 200 : Number(request.path.slice(1));
        response.body = Buffer.from('hello');
      });
      for (const [method, path, status, length] of [
        ['HEAD', '/', 200, '5'],
        ['GET', '/204', 204, undefined],
        ['GET', '/304', 304, '5'],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop -- on one connection
        const answer = await whole(client, { method, path });
        assert.deepEqual([answer.status, answer.text], [status, ''], `${method} ${path}`);
        assert.equal(answer.headers['content-length'], length, `${method} ${path}`);
      }
      await goesOn();
    });

    for (const length of [512 * part.length, undefined]) {
      test(`a large response ${length === undefined ? 'without a' : 'of known'} length waits for its client`, async (t) => {
        const large = new PausingBody(512, length);
        const { client, goesOn } = await start(t, ({ response }) => {
          response.status = 200;
          response.body = large;
        });
        const exchange = client.ask({});
        exchange.body.end();
        const { body, trailers } = await exchange.answer;
        await eventually('a pause', () => large.pauses > 0);
        let before = -1;
        await eventually('the source to stand still', () => {
          const stands = before === large.written;
          before = large.written;
          return stands;
        });
        assert.ok(large.written < 512 * part.length, 'the whole body was written for nobody');
        let taken = 0;
        for await (const chunk of body) taken += (chunk as Buffer).length;
        assert.equal(taken, 512 * part.length);
        if (length === undefined) assert.equal(trailers()['x-sum'], '7');
        await goesOn();
      });
    }

    test('a large upload waits for its reader', async (t) => {
      let received = 0;
      let isPaused = true;
      let source: BodySource | null = null;
      const { client, goesOn } = await start(t, ({ request, response }) => {
        source = request.body as BodySource;
        const done = Promise.withResolvers<void>();
        source.start({
          write(chunk) {
            received += chunk.length;
            return !isPaused;
          },
          end: () => done.resolve(),
          fail: done.reject,
        });
        response.status = 200;
        return done.promise;
      });
      const { body, answer } = client.ask({ method: 'POST' });
      for (let i = 0; i < 512; i++) body.write(part);
      body.end();
      await eventually('first bytes', () => received > 0);
      let before = -1;
      await eventually('the client to be held back', () => {
        const stands = before === received;
        before = received;
        return stands;
      });
      assert.ok(received < 512 * part.length, 'the whole body came though nobody took it');
      isPaused = false;
      (source as BodySource | null)?.resume();
      const { status, body: incoming } = await answer;
      assert.equal(status, 200);
      incoming.resume();
      assert.equal(received, 512 * part.length);
      await goesOn();
    });

    test('a client that goes away aborts its request, and what it uploads fails', async (t) => {
      let aborted = 0;
      const failed = Promise.withResolvers<Error>();
      const { client, entry } = await start(t, (context) => {
        const gone = Promise.withResolvers<void>();
        context.onAbort({
          clientGone() {
            aborted++;
            gone.resolve();
          },
        });
        (context.request.body as BodySource).start({
          write: () => true,
          end: () => {},
          fail: failed.resolve,
        });
        return gone.promise;
      });
      const exchange = client.ask({ method: 'POST' });
      exchange.answer.catch(() => {});
      exchange.body.write(part);
      await eventually('the request', () => entry.inspect().requests === 1);
      exchange.abort();
      assert.equal(((await failed.promise) as { code?: string }).code, 'CLIENT_GONE');
      await eventually('no request', () => entry.inspect().requests === 0);
      assert.equal(aborted, 1);
    });

    test('a client that goes away cancels the response', async (t) => {
      const large = new PausingBody(512, undefined);
      const { client, entry } = await start(t, ({ response }) => {
        response.status = 200;
        response.body = large;
      });
      const exchange = client.ask({});
      exchange.body.end();
      const { body } = await exchange.answer;
      body.on('error', () => {});
      await eventually('a pause', () => large.pauses > 0);
      exchange.abort();
      await eventually('the cancellation', () => large.cancelled);
      await eventually('no request', () => entry.inspect().requests === 0);
    });
  });
}
