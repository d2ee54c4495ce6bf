/** What gRPC asks of a gateway, in the terms of HTTP/2. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, {
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { startGateway } from '../support/gateway.ts';

const streamEnds = http2.constants.NGHTTP2_FLAG_END_STREAM;

/** A node that answers as gRPC servers do, by the method that is called. */
async function startNode(t: TestContext): Promise<string> {
  const server = http2.createServer({ maxSessionMemory: 100 });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    // gRPC's C core takes no request without it.
    if (headers.te !== 'trailers') return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    const head = { ':status': 200, 'content-type': 'application/grpc' };
    if (headers[':path'] === '/svc/Fail') {
      stream.respond({ ...head, 'grpc-status': '9', 'grpc-message': 'no' }, { endStream: true });
      return;
    }
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (headers[':path'] === '/svc/Early') stream.end('early');
    else if (headers[':path'] === '/svc/Echo') stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function call(client: ClientHttp2Session, method: string) {
  const stream = client.request({
    ':method': 'POST',
    ':path': `/svc/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  return stream;
}

/** The whole answer; `flags` are those of its head. */
async function answerOf(stream: http2.ClientHttp2Stream) {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
  const [headers, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers, flags, body: Buffer.concat(chunks), trailers };
}

suite('gRPC', { timeout: 60_000 }, () => {
  test('calls pass, plain and over TLS, with everything that they are made of', async (t) => {
    const gateway = await startGateway(
      t,
      `entry:
  - { name: secure, network: { binding: "127.0.0.1:0" }, tls: { enabled: true } }
  - { name: plain, network: { binding: "127.0.0.1:0" } }
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "${await startNode(t)}", http2: true } }] }]
`,
    );
    for (const [entry, scheme] of [
      ['secure', 'https'],
      ['plain', 'http'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one entry after the other
      const origin = `${scheme}://127.0.0.1:${await gateway.port(entry)}`;
      // By default node:http2 gives a stream up whose message is larger than ten megabytes.
      const options = { rejectUnauthorized: false, maxSessionMemory: 100 };
      const client = http2.connect(origin, options);
      t.after(() => client.destroy());
      // A message of 20 MB comes back whole, and the status after it.
      const message = Buffer.alloc(20 << 20, 'm');
      const unary = call(client, 'Echo');
      unary.end(message);
      // oxlint-disable-next-line no-await-in-loop
      const echoed = await answerOf(unary);
      assert.ok(echoed.body.equals(message));
      assert.equal(echoed.trailers['grpc-status'], '0');

      // Both sides talk in turns.
      const bidi = call(client, 'Echo');
      for (let i = 0; i < 20; i++) {
        bidi.write(`${i};`);
        // oxlint-disable-next-line no-await-in-loop
        const [part] = (await once(bidi, 'data')) as [Buffer];
        assert.equal(part.toString(), `${i};`);
      }
      bidi.end();

      // An error is a head alone: C core takes DATA after it for a broken stream.
      const failing = call(client, 'Fail');
      failing.end('x');
      // oxlint-disable-next-line no-await-in-loop
      const failed = await answerOf(failing);
      assert.equal(failed.headers['grpc-status'], '9');
      assert.equal(failed.flags & streamEnds, streamEnds);

      // An answer before the end of the request keeps its trailers.
      const early = call(client, 'Early');
      early.write('x');
      // oxlint-disable-next-line no-await-in-loop
      const answered = await answerOf(early);
      assert.equal(answered.body.toString(), 'early');
      assert.equal(answered.trailers['grpc-status'], '0');
    }
  });
});
