/** What a router does beside choosing a flow: tracing, switched-off rules, denied addresses. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Line {
  readonly id: unknown;
  readonly remote_ip: string;
  readonly request: Record<string, unknown>;
  readonly response: Record<string, unknown>;
}

function linesOf(file: string): Line[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Nothing is written yet.
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
}

test('a tracing flow sees request and response when the client has its answer', async (t) => {
  const { origin: backend } = await startBackend(t, (incoming, response) => {
    incoming.resume().on('end', () => response.end('x'.repeat(100_000)));
  });
  const file = join(temporaryFolder(t), 'trace.jsonl');
  const gateway = await startGateway(
    t,
    `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router:
  - name: default
    tracing_flow: trace
    rules:
      - { method: [POST, GET], pattern: "/{index}/_search", flow: forward }
      - { pattern: /quick, flow: quick }
flow:
  - name: forward
    filter:
      - http: { schema: http, hosts: ["${backend.slice(7)}"] }
  - name: quick
    filter:
      - echo: { message: hello }
  - name: trace
    filter:
      - sleep: { sleep_in_million_seconds: 4000, when: { prefix: { _ctx.request.path: /quick } } }
      - logging: { file: "${file}", max_response_body_size: 10 }
      - set_response: { status: 500, body: nobody sees this }
      - http: { schema: http, hosts: ["127.0.0.1:1"] }
`,
  );
  const origin = await gateway.origin('main');
  const long = 'q'.repeat(70_000);
  const answer = await ask(`${origin}/books/_search?a=1`, { method: 'POST', body: long });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.length, 100_000);
  assert.equal((await ask(`${origin}/quick`)).body, 'hello');
  const traced = linesOf(file).some(({ request }) => request['path'] === '/quick');
  assert.ok(!traced, 'the response did not wait for the tracing flow');
  assert.equal((await ask(`${origin}/none`)).status, 404);

  const lines = await eventually('three lines', () => {
    const written = linesOf(file);
    return written.length >= 3 ? written : undefined;
  });
  const lineOf = (path: string) => lines.find(({ request }) => request['path'] === path);
  const search = lineOf('/books/_search');
  assert.equal(search?.remote_ip, '127.0.0.1');
  assert.equal(search?.request['body_length'], 70_000);
  assert.equal(search?.request['body'], 'q'.repeat(1024));
  assert.equal(search?.request['uri'], `${origin}/books/_search?a=1`);
  assert.deepEqual(
    [search?.response['status_code'], search?.response['body_length'], search?.response['body']],
    [200, 100_000, 'x'.repeat(10)],
  );
  // Said only of one that was not there as a whole before it was sent.
  assert.notEqual(search?.response['complete'], false);
  const quick = lineOf('/quick');
  assert.equal(quick?.response['status_code'], 200);
  assert.ok((quick?.response['elapsed'] as number) < 4000);
  assert.equal(lineOf('/none')?.response['status_code'], 404);
  await eventually('the failure in the log', () => gateway.output.includes('tracing flow failed'));
});

test('a rule that is switched off does not count, where the router says so', async (t) => {
  const router = (name: string, more: string) => `
  - name: ${name}
    ${more}
    default_flow: rest
    rules: [{ pattern: /a, flow: a, enabled: false }, { pattern: /b, flow: a, enabled: true }, { pattern: /c, flow: a }]`;
  const gateway = await startGateway(
    t,
    `entry:
  - { name: one, router: one, network: { binding: "127.0.0.1:0" } }
  - { name: two, router: two, network: { binding: "127.0.0.1:0" } }
router:${router('one', 'rule_toggle_enabled: true')}${router('two', 'rule_toggle_enabled: false')}
flow:
  - { name: a, filter: [{ echo: { message: a } }] }
  - { name: rest, filter: [{ echo: { message: rest } }] }
`,
    { args: ['--workers', '1'] },
  );
  const [one, two] = [await gateway.origin('one'), await gateway.origin('two')];
  assert.equal((await ask(`${one}/a`)).body, 'rest');
  assert.equal((await ask(`${one}/b`)).body, 'a');
  assert.equal((await ask(`${one}/c`)).body, 'rest');
  assert.equal((await ask(`${two}/a`)).body, 'a');
  assert.equal((await ask(`${two}/c`)).body, 'a');
  assert.match(gateway.output, /"enabled\\" has no effect/);
  assert.match(gateway.output, /ignored, because they lack \\"enabled: true\\": rules\[2\]/);
});

test('addresses that are denied, or not permitted, get no connection', async (t) => {
  const entry = (name: string, binding: string) =>
    `  - { name: ${name}, router: ${name}, network: { binding: "${binding}" } }\n`;
  const router = (name: string, lists: string) =>
    `  - { name: ${name}, default_flow: hi, ${lists} }\n`;
  const control = (lists: string, enabled = true) =>
    `ip_access_control: { enabled: ${enabled}, client_ip: ${lists} }`;
  const gateway = await startGateway(
    t,
    `entry:
${entry('denied', '127.0.0.1:0')}${entry('permitted', '127.0.0.1:0')}${entry('other', '127.0.0.1:0')}${entry('off', '127.0.0.1:0')}${entry('mapped', '[::]:0')}${entry('short', '127.0.0.1:0')}
router:
${router('denied', control('{ denied: [127.0.0.0/8] }'))}${router('permitted', control('{ permitted: [10.0.0.1, 127.0.0.1] }'))}${router('other', control('{ permitted: [10.0.0.0/8] }'))}${router('off', control('{ denied: [127.0.0.1] }', false))}${router('mapped', control('{ denied: [127.0.0.1] }'))}${router('short', 'denied_client_ip_list: [127.0.0.1]')}
flow: [{ name: hi, filter: [{ echo: { message: hi } }] }]
`,
    { args: ['--workers', '1'] },
  );
  for (const name of ['permitted', 'off']) {
    assert.equal((await ask(await gateway.origin(name))).body, 'hi', name);
  }
  for (const name of ['denied', 'other', 'mapped', 'short']) {
    const origin = `http://127.0.0.1:${await gateway.port(name)}`;
    await assert.rejects(ask(origin), name);
  }
  assert.match(gateway.output, /"client":"127\.0\.0\.1".*a denied address/);
});

test('a body that was sent on is not waited for again', async (t) => {
  const { origin: backend } = await startBackend(t, (incoming, response) => {
    incoming.resume().on('end', () => response.end('ok'));
  });
  const gateway = await startGateway(
    t,
    `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, rules: [{ pattern: "/{any:*}", flow: [forward, read] }] }]
flow:
  - name: forward
    filter: [{ http: { schema: http, hosts: ["${backend.slice(7)}"] } }]
  - name: read
    filter: [{ set_response_header: { headers: ["X-Body -> $[[_ctx.request.body]]"] } }]
`,
    { args: ['--workers', '1'] },
  );
  const origin = await gateway.origin('main');
  const answer = await ask(origin, { method: 'POST', body: 'x'.repeat(100_000) });
  assert.equal(answer.status, 500);
  assert.match(answer.body, /already streamed to a node/);
  assert.equal((await ask(origin)).status, 200);
});
