/** The limiters in one worker; over several see test/integration/limits.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContextOptions } from '../support/context.ts';
import { arriving, bodyText } from '../support/context.ts';
import { problemsOf, type RunningFlows, startFlows } from '../support/flows.ts';

/** Statuses of requests that come at the same time. */
async function statuses({ ask }: RunningFlows, requests: ContextOptions[]): Promise<number[]> {
  const contexts = await Promise.all(requests.map((request) => ask(request)));
  return contexts.map(({ response }) => response.status);
}

const many = (count: number, request: ContextOptions = {}): ContextOptions[] =>
  Array.from({ length: count }, () => request);

const passed = (all: readonly number[]): number => all.filter((status) => status === 200).length;

function limiter(lines: string): string {
  return `flow:
  - name: f
    filter:
      - ${lines}
      - echo: { message: hello }`;
}

test('request_client_ip_limiter counts by address, and only those named', async (t) => {
  const flows = await startFlows(
    t,
    limiter(
      'request_client_ip_limiter: { ip: [127.0.0.0/8], interval: 1h, max_requests: 3, action: drop, message: "your ip reached our limit" }',
    ),
  );
  const from = (remoteAddress: string) => ({ client: { remoteAddress } });
  assert.equal(passed(await statuses(flows, many(10, from('127.0.0.1')))), 3);
  assert.equal(passed(await statuses(flows, many(10, from('127.0.0.2')))), 3);
  assert.equal(passed(await statuses(flows, many(10, from('10.0.0.1')))), 10);
  const { response } = await flows.ask(from('127.0.0.1'));
  assert.equal(response.status, 429);
  assert.equal(bodyText(response), 'your ip reached our limit');
  assert.match(response.headers.get('retry-after') ?? '', /^3[56]\d\d$/);
});

test('request_path_limiter: the first rule that matches counts, by its group', async (t) => {
  const flows = await startFlows(
    t,
    limiter(`request_path_limiter:
          message: "Hey, You just reached our request limit!"
          interval: 1h
          rules:
            - { pattern: "/(?P<index_name>medcl)/_search", max_qps: 3, group: index_name }
            - { pattern: "/(?P<index_name>.*?)/_search", max_qps: 5, group: index_name }`),
  );
  const to = (target: string) => many(10, { target });
  assert.equal(passed(await statuses(flows, to('/medcl/_search'))), 3);
  assert.equal(passed(await statuses(flows, to('/other/_search'))), 5);
  assert.equal(passed(await statuses(flows, to('/third/_search'))), 5);
  assert.equal(passed(await statuses(flows, to('/other/_doc'))), 10);
  assert.equal(passed(await statuses(flows, to('/medcl/_search'))), 0);
  const { response } = await flows.ask({ target: '/medcl/_search' });
  assert.deepEqual(
    [response.status, bodyText(response)],
    [429, 'Hey, You just reached our request limit!'],
  );
  assert.equal(passed(await statuses(flows, to('//_search'))), 10, 'nothing in the group');
});

test('messages have defaults, and -1 limits nothing', async (t) => {
  const refusal = async (parameters: string): Promise<string> => {
    const { ask } = await startFlows(
      t,
      limiter(
        `request_client_ip_limiter: { interval: 1h, burst_requests: -1, max_bytes: -1, burst_bytes: -1, ${parameters} }`,
      ),
    );
    await ask();
    return bodyText((await ask()).response);
  };
  assert.equal(await refusal('max_requests: 1, action: drop'), 'Reach request limit!');
  const tried = 'Retried but still beyond request limit!';
  assert.equal(await refusal('max_requests: 1, max_retry_times: 0'), tried);
  assert.equal(await refusal('max_requests: 1, max_retry_times: 1, retry_delay_in_ms: 1'), tried);
  assert.equal(await refusal('max_requests: -1, action: drop'), 'hello');
});

test('a burst may come at once', async (t) => {
  const flows = await startFlows(
    t,
    limiter(
      'request_client_ip_limiter: { interval: 1h, max_requests: 2, burst_requests: 5, action: drop }',
    ),
  );
  assert.equal(passed(await statuses(flows, many(10))), 5);
});

test('context_limiter counts by all values together', async (t) => {
  const flows = await startFlows(
    t,
    limiter(`context_limiter:
          interval: 1h
          max_requests: 1
          action: drop
          status: 503
          context: [_ctx.request.path, _ctx.request.header.Host, _ctx.request.header.Env]`),
  );
  const as = (target: string, host: string, env?: string) => ({
    target,
    headers: ['Host', host, ...(env === undefined ? [] : ['Env', env])],
  });
  const all = [
    as('/a', 'h', 'dev'),
    as('/a', 'h', 'dev'),
    as('/a', 'h', 'test'),
    as('/a', 'hd', 'ev'),
    as('/a', 'h'),
    as('/b', 'h', 'dev'),
    as('/b', 'h', 'dev'),
  ];
  assert.deepEqual(await statuses(flows, all), [200, 503, 200, 200, 200, 200, 503]);
});

test('bytes are limited, of bodies that still arrive as well', async (t) => {
  const flows = await startFlows(
    t,
    limiter(
      'context_limiter: { context: [_ctx.request.method], interval: 1h, max_bytes: 1kb, max_requests: 100, action: drop }',
    ),
  );
  const of = (size: number, method: string): ContextOptions => ({
    method,
    headers: [],
    body: arriving('x'.repeat(size)),
  });
  assert.deepEqual(await statuses(flows, [of(2000, 'PUT')]), [429]);
  assert.deepEqual(await statuses(flows, [of(500, 'PUT'), of(600, 'PUT')]), [200, 429]);
  assert.deepEqual(await statuses(flows, [of(300, 'PUT'), of(300, 'PUT')]), [200, 429]);
  // A kilobyte is 73 such requests of 14 bytes.
  assert.equal(passed(await statuses(flows, many(100, { method: 'A', headers: [] }))), 73);
});

test('retry lets a request wait for the next interval', async (t) => {
  const flows = await startFlows(
    t,
    limiter(
      'context_limiter: { context: [_ctx.request.path], interval: 200ms, max_requests: 2, retry_delay_in_ms: 10 }',
    ),
  );
  const start = performance.now();
  assert.equal(passed(await statuses(flows, many(5))), 5);
  assert.ok(performance.now() - start >= 390, 'five requests need three intervals');
});

test('retry gives up after max_retry_times', async (t) => {
  const flows = await startFlows(
    t,
    limiter(
      'context_limiter: { context: [_ctx.request.path], interval: 1h, max_requests: 1, retry_delay_in_ms: 5, max_retry_times: 3, message: no, failed_retry_message: tried }',
    ),
  );
  const [, second] = await Promise.all([flows.ask(), flows.ask()]);
  assert.equal(second.response.status, 429);
  assert.equal(bodyText(second.response), 'tried');
});

test('what was not used may be used later, up to the burst', async (t) => {
  const flows = await startFlows(
    t,
    limiter(
      'context_limiter: { context: [_ctx.request.path], interval: 1h, max_requests: 2, burst_requests: 5, action: drop }',
    ),
  );
  assert.equal(passed(await statuses(flows, many(10))), 5);
});

test('what a limiter cannot take is said with its place', async (t) => {
  const problems = await problemsOf(
    t,
    `flow:
  - name: f
    filter:
      - request_client_ip_limiter: { ip: [x], max_requests: -2 }
      - request_client_ip_limiter: {}
      - context_limiter: { max_requests: 1 }
      - context_limiter: { context: [_ctx.reqest.path], max_requests: 1, action: wait }
      - request_path_limiter: { rules: [{ pattern: "/(?P<a>b)", group: c, max_qps: 1 }] }
      - request_path_limiter: { rules: [{ pattern: "/(?P<a>b)", group: a }] }
      - context_limiter: { context: [_ctx.request.path], max_requests: 1, interval: 1ms }`,
  );
  const expected = [
    /\.max_requests: expected an integer of at least -1/,
    /\.ip\[0\]: "x" is no network/,
    /expected "max_requests", "max_bytes" or both/,
    /"context" is missing/,
    /action: expected "retry" or "drop"/,
    /did you mean "_ctx.request.path"/,
    /rules\[0\].group: "\/\(\?P<a>b\)" has no group called "c"/,
    /rules\[0\]: expected "max_requests", "max_bytes" or both/,
    /interval: expected at least 10ms/,
  ];
  for (const pattern of expected)
    assert.ok(
      problems.some((text) => pattern.test(text)),
      `${pattern}\n${problems.join('\n')}`,
    );
});

test('a slash at the end of the path makes no other key, and no rule passes it over', async (t) => {
  const targets = [{ target: '/a' }, { target: '/a/' }, { target: '/a//' }, { target: '/%61/' }];
  for (const filter of [
    'context_limiter: { context: [_ctx.request.path], interval: 1h, max_requests: 1, action: drop }',
    'request_path_limiter: { interval: 1h, rules: [{ pattern: "^/(?P<index>[^/]+)$", group: index, max_qps: 1 }] }',
  ]) {
    const flows = await startFlows(t, limiter(filter));
    assert.equal(passed(await statuses(flows, targets)), 1);
  }
});
