/** Bodies that nothing in a flow reads pass as they come, both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { rawBackend } from '../support/raw-backend.ts';
import { RawConnection } from '../support/raw-connection.ts';

/** One of each kind that looks at heads only, on both sides of the proxying filter. */
const untouched = (proxy: string): string[] => [
  'request_header_filter: { exclude: [X-Drop: "yes"] }',
  'request_method_filter: { include: [POST] }',
  'request_client_ip_filter: { exclude: [192.0.2.1] }',
  'basic_auth: { valid_users: { ann: change-me } }',
  'request_client_ip_limiter: { max_requests: 1000 }',
  'context_limiter: { context: [_ctx.request.username], max_requests: 1000 }',
  'set_request_header: { headers: ["X-User -> $[[_ctx.request.username]]"] }',
  'set_request_query_args: { args: [size -> 1] }',
  'context_regex_replace: { context: _ctx.request.path, pattern: ^/as-it, to: /as/it }',
  'drop: { when: { equals: { _ctx.request.header.X-Drop: "yes" } } }',
  'dump: { uri: true, request_header: true }',
  proxy,
  'response_status_filter: { exclude: [500] }',
  'set_response_header: { headers: ["X-Status -> $[[_ctx.response.status]]"] }',
];

test('a flow that reads no body never waits for one', async (t) => {
  const order: string[] = [];
  const { origin } = await rawBackend(t, async (peer) => {
    const [, path = ''] = (await peer.head()).split(' ');
    order.push(path);
    await peer.until(({ received }) => received.startsWith('hello'));
    peer.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
    await peer.until(({ received }) => received === 'helloworld');
    peer.socket.write('after');
  });
  const proxy = `http: { host: "${origin.slice(7)}" }`;
  const list = (filters: readonly string[]): string =>
    filters.map((one) => `{ ${one} }`).join(', ');
  const gateway = await startGateway(
    t,
    `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: untouched, rules: [{ method: POST, pattern: /read, flow: read }] }]
flow:
  - { name: untouched, filter: [${list(untouched(proxy))}] }
  - { name: read, filter: [{ drop: { when: { prefix: { _ctx.request.body: nothing } } } }, { ${proxy} }] }
`,
    { args: ['--workers', '1'] },
  );
  const port = await gateway.port('main');
  const begin = async (path: string) => {
    const client = await RawConnection.connect(t, port);
    const fields = `Host: a\r\nAuthorization: Basic ${btoa('ann:change-me')}\r\nContent-Length: 10`;
    client.send(`POST ${path} HTTP/1.1\r\n${fields}\r\n\r\nhello`);
    return client;
  };
  const read = await begin('/read');
  const passed = await begin('/as-it-comes');
  // The node has half of the request, and the client half of the response, before the rest exists.
  await passed.until(/\r\nX-Status: 200\r\n[^]*first$/);
  passed.send('world');
  await passed.until(/firstafter$/);
  assert.deepEqual(order, ['/as/it-comes?size=1'], 'the body that is read has not come whole');
  read.send('world');
  await read.until(/firstafter$/);
});
