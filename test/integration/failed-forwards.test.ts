/** A forward that fails is a response, which the rest of the flow sees, changes and may replace. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { after, before, suite, test, type TestContext } from 'node:test';
import { refusing } from '../support/forwarding.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { rawBackend } from '../support/raw-backend.ts';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

suite('a failed forward', { timeout: 120_000 }, () => {
  const ends: (() => unknown)[] = [];
  let origin: string;
  const received: { path: string; body: string }[] = [];

  before(async () => {
    const t = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;
    const dead = await refusing();
    const silent = await rawBackend(t, () => {});
    const breaking = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.reset();
    });
    const good = await startBackend(t, (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        received.push({ path: req.url ?? '', body: Buffer.concat(chunks).toString() });
        res.writeHead(201, { 'X-Node': 'good', 'X-Both': 'node', 'Content-Type': 'text/plain' });
        res.end('written');
      });
    });
    const missing = await startBackend(t, (_req, res) => {
      res.writeHead(404, { 'X-Node': 'missing', 'X-Missing': 'yes' });
      res.end('not here');
    });
    const httpOf = (node: string, more = ''): string =>
      `{ http: { host: "${new URL(node).host}"${more} } }`;
    const flows: Record<string, string> = {
      plain: '{ elasticsearch: { elasticsearch: dead, retry_delay_in_ms: 10 } }',
      silent: httpOf(silent.origin, ', timeout: 200ms'),
      shaped: `${httpOf(dead)}, { set_response_header: { headers: ["X-After -> yes"] } }, { set_response: { status: 503, body: "away", when: { in: { _ctx.response.status: [502, 503, 504] } } } }`,
      ended: `${httpOf(dead, ', on_failure: end')}, { echo: { message: after } }`,
      fallback:
        '{ elasticsearch: { elasticsearch: dead, retry_delay_in_ms: 10 } }, { if: { in: { _ctx.response.status: [502, 503, 504] } }, then: [{ elasticsearch: { elasticsearch: good } }] }',
      broken: `${httpOf(breaking.origin)}, { if: { in: { _ctx.response.status: [502] } }, then: [{ elasticsearch: { elasticsearch: good } }] }`,
      late: `${httpOf(silent.origin, ', timeout: 300ms')}, { if: { in: { _ctx.response.status: [504] } }, then: [{ elasticsearch: { elasticsearch: good } }] }`,
      nested:
        '{ flow: { flow: plain } }, { if: { in: { _ctx.response.status: [502] } }, then: [{ flow: { flow: good } }] }',
      good: '{ elasticsearch: { elasticsearch: good } }',
      second:
        '{ set_response_header: { headers: ["X-Own -> before"] } }, { elasticsearch: { elasticsearch: missing } }, { set_response_header: { headers: ["X-Between -> yes"] } }, { elasticsearch: { elasticsearch: good, when: { equals: { _ctx.response.status: 404 } } } }',
    };
    const rules = Object.keys(flows).map(
      (name) => `{ method: ["*"], pattern: ["/${name}", "/${name}/{more:*}"], flow: [${name}] }`,
    );
    const gateway = await startGateway(
      t,
      `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: plain, rules: [${rules.join(', ')}, { method: ["*"], pattern: ["/row"], flow: [plain, row] }] }]
elasticsearch:
  - { name: dead, endpoint: "${dead}", health_check: { enabled: false } }
  - { name: good, endpoint: "${good.origin}", health_check: { enabled: false } }
  - { name: missing, endpoint: "${missing.origin}", health_check: { enabled: false } }
flow:
  - { name: row, filter: [{ elasticsearch: { elasticsearch: good, when: { equals: { _ctx.response.status: 502 } } } }] }
${Object.entries(flows)
  .map(([name, filter]) => `  - { name: ${name}, filter: [${filter}] }`)
  .join('\n')}
`,
      { args: ['--workers', '1'] },
    );
    origin = await gateway.origin('main');
  });

  after(() => Promise.all(ends.map((end) => end())));

  async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${origin}${path}`, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  test('is a response with the error as JSON', async () => {
    const { status, headers, text } = await ask('/plain');
    assert.equal(status, 502);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.deepEqual(JSON.parse(text), {
      error: { type: 'UPSTREAM_CONNECT', reason: 'cannot connect to the upstream node' },
      status: 502,
    });
    const late = await ask('/silent');
    assert.equal(late.status, 504);
    assert.equal(JSON.parse(late.text).error.type, 'UPSTREAM_TIMEOUT');
    const head = await ask('/plain', { method: 'HEAD' });
    assert.equal(head.status, 502);
    assert.equal(head.text, '');
  });

  test('is seen and changed by later filters', async () => {
    const { status, headers, text } = await ask('/shaped');
    assert.equal(headers.get('x-after'), 'yes');
    assert.equal(status, 503);
    assert.equal(text, 'away');
  });

  test('ends the flow when the filter is told so', async () => {
    const { status, text } = await ask('/ended');
    assert.equal(status, 502);
    assert.equal(JSON.parse(text).error.type, 'UPSTREAM_CONNECT');
  });

  test('is answered by another cluster', async () => {
    const { status, headers, text } = await ask('/fallback');
    assert.deepEqual([status, text], [201, 'written']);
    assert.equal(headers.get('content-type'), 'text/plain', 'nothing of the error is left');
  });

  for (const path of ['/fallback', '/broken', '/late', '/nested', '/row']) {
    test(`leaves the body of the request for the other cluster: ${path}`, async () => {
      for (const size of [10, 300_000, 5_000_000]) {
        const body = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz').toString();
        const { status, text } = await ask(path, { method: 'PUT', body });
        assert.deepEqual([status, text], [201, 'written'], `${size} bytes`);
        assert.equal(received.at(-1)?.body, body);
      }
    });
  }

  test('leaves a body that arrives in pieces', async () => {
    const req = httpRequest(`${origin}/late`, { method: 'POST' });
    req.write('first ');
    const timer = setTimeout(() => req.end('second'), 600);
    const [response] = await once(req, 'response');
    clearTimeout(timer);
    response.resume();
    assert.equal(response.statusCode, 201);
    assert.equal(received.at(-1)?.body, 'first second');
  });

  test('leaves fields that filters have set before and between, and none of the first node', async () => {
    const { status, headers } = await ask('/second');
    assert.equal(status, 201);
    assert.equal(headers.get('x-own'), 'before');
    assert.equal(headers.get('x-between'), 'yes');
    assert.equal(headers.get('x-node'), 'good');
    assert.equal(headers.get('x-missing'), null);
  });
});

suite('response fields set before forwarding', { timeout: 120_000 }, () => {
  test('reach the client, unless the node gives the same; and on errors', async (t) => {
    const dead = await refusing();
    const good = await startBackend(t, (_req, res) => {
      res.writeHead(200, { 'X-Both': 'node', 'Set-Cookie': 'n=1' });
      res.end('ok');
    });
    const gateway = await startGateway(
      t,
      `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: good, rules: [{ method: ["*"], pattern: ["/dead"], flow: [dead] }, { method: ["*"], pattern: ["/ended"], flow: [ended] }, { method: ["*"], pattern: ["/fault"], flow: [fault] }] }]
flow:
  - { name: set, filter: [{ set_response_header: { headers: ["X-Before -> one", "X-Both -> flow", "Set-Cookie -> f=1", "Content-Length -> 7"] } }] }
  - { name: good, filter: [{ flow: { flow: set } }, { http: { host: "${new URL(good.origin).host}" } }] }
  - { name: dead, filter: [{ flow: { flow: set } }, { http: { host: "${new URL(dead).host}" } }] }
  - { name: ended, filter: [{ flow: { flow: set } }, { http: { host: "${new URL(dead).host}", on_failure: end } }] }
  - { name: fault, filter: [{ flow: { flow: set } }, { http: { host: "${new URL(good.origin).host}" } }, { set_context: { context: { _ctx.response.status: "$[[_ctx.request.path]]" } } }] }
`,
      { args: ['--workers', '1'] },
    );
    const origin = await gateway.origin('main');
    const asked = async (path: string): Promise<Answer> => {
      const response = await fetch(`${origin}${path}`);
      return { status: response.status, headers: response.headers, text: await response.text() };
    };
    const answered = await asked('/');
    assert.deepEqual([answered.status, answered.text], [200, 'ok']);
    assert.equal(answered.headers.get('x-before'), 'one');
    assert.equal(answered.headers.get('x-both'), 'node');
    assert.deepEqual(answered.headers.getSetCookie(), ['n=1', 'f=1']);
    for (const [path, status] of [
      ['/dead', 502],
      ['/ended', 502],
      ['/fault', 500],
    ] as const) {
      const failed = await asked(path);
      assert.equal(failed.status, status, path);
      assert.equal(failed.headers.get('x-before'), 'one', path);
      assert.equal(failed.headers.get('x-both'), path === '/fault' ? null : 'flow', path);
      assert.equal(JSON.parse(failed.text).status, status, path);
    }
  });

  test('an id that a plugin gives reaches the client through a proxy', async (t) => {
    const backend = await startBackend(t, (req, res) => res.end(req.headers['x-trace-id']));
    const plugin = fileURLToPath(new URL('../../examples/plugins/request-id.js', import.meta.url));
    const gateway = await startGateway(
      t,
      `
plugins: ["${plugin}"]
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ request_id: { header: X-Trace-Id } }, { http: { host: "${new URL(backend.origin).host}" } }] }]
`,
      { args: ['--workers', '1'] },
    );
    const response = await fetch(await gateway.origin('main'));
    assert.match(response.headers.get('x-trace-id') ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(await response.text(), response.headers.get('x-trace-id'));
  });
});
