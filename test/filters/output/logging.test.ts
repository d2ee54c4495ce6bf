import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { collect } from '../../../src/http/body/body.ts';
import { arriving } from '../../support/context.ts';
import { startFlows } from '../../support/flows.ts';

interface Line {
  readonly remote_ip: string;
  readonly request: Record<string, unknown>;
  readonly response: Record<string, unknown>;
}

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

test('logging writes a line for each request', async (t) => {
  const { ask, close, logFolder } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_response: { status: 201, content_type: text/plain, body: a long answer }
      - logging:
          queue_name: request_logging
          max_request_body_size: 5
          max_response_body_size: 6`,
  );
  const headers = ['Host', 'h', 'Authorization', 'Basic bWVkY2w6MTIz', 'X-A', '1', 'X-A', '2'];
  await ask({ method: 'POST', target: '/a?b', headers, body: '{"query":1}' });
  await ask();
  await close();
  const [first, second, ...others] = await linesOf(`${logFolder}/request_logging.jsonl`);
  assert.equal(others.length, 0);
  assert.equal(first?.remote_ip, '127.0.0.1');
  const { started, ...request } = first.request;
  assert.ok(Math.abs(Date.parse(String(started)) - Date.now()) < 60_000);
  assert.deepEqual(request, {
    method: 'POST',
    uri: 'http://h/a?b',
    path: '/a',
    query_args: { b: '' },
    user: 'medcl',
    host: 'h',
    remote_addr: '127.0.0.1:50925',
    local_addr: '127.0.0.1:8000',
    header: { Host: 'h', 'X-A': '1, 2' },
    body_length: 11,
    body: '{"que',
    complete: true,
  });
  const { elapsed, ...response } = first.response;
  assert.equal(typeof elapsed, 'number');
  assert.deepEqual(response, {
    status_code: 201,
    cached: false,
    header: { 'Content-Type': 'text/plain' },
    body_length: 13,
    body: 'a long',
    complete: true,
  });
  assert.equal(second?.request['method'], 'GET');
});

test('logging waits for a streamed response, and holds only its beginning', async (t) => {
  const { ask, close, logFolder } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - elasticsearch: { elasticsearch: dev }
      - logging:
          format_header_keys: true
          remove_authorization: false
          max_response_body_size: 4`,
    {
      forward: ({ response }) => {
        response.status = 200;
        response.body = arriving('abc', 'def', 'ghi');
      },
    },
  );
  const context = await ask({ headers: ['Authorization', 'x'], body: arriving('q') });
  const { response } = context;
  // As the entry does.
  response.observe(context.keptOfResponse);
  assert.ok(!Buffer.isBuffer(response.body));
  assert.equal((await collect(response.body, 100)).toString(), 'abcdefghi');
  context.end();
  const other = await ask();
  other.response.observe(other.keptOfResponse);
  const { body } = other.response;
  assert.ok(body !== null && !Buffer.isBuffer(body));
  body.cancel();
  other.end();
  await close();
  const [first, second] = await linesOf(`${logFolder}/request_logging.jsonl`);
  assert.deepEqual(first?.request['header'], { authorization: 'x' });
  assert.equal(first?.request['body'], '');
  assert.equal(first?.request['complete'], false);
  assert.equal(first?.response['body'], 'abcd');
  assert.equal(first?.response['body_length'], 9);
  assert.equal(first?.response['complete'], true);
  assert.equal(second?.response['complete'], false);
});

test('logging leaves quick requests out when told, and takes a file', async (t) => {
  const { ask, close, logFolder } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - echo:
      - sleep: { sleep_in_million_seconds: 60, when: { suffix: { _ctx.request.path: /slow } } }
      - logging: { queue_name: slow, min_elapsed_time_in_ms: 50 }`,
  );
  await ask({ target: '/quick' });
  await ask({ target: '/slow' });
  await close();
  const lines = await linesOf(`${logFolder}/slow.jsonl`);
  assert.deepEqual(
    lines.map(({ request }) => request['path']),
    ['/slow'],
  );
});

test('a log that cannot be written keeps the flow from being built', async (t) => {
  const flow = `flow: [{ name: f, filter: [{ logging: { file: /dev/null/x.jsonl } }] }]`;
  await assert.rejects(startFlows(t, flow), /\/dev\/null/);
});

test('logging shows what compressed bodies say', async (t) => {
  const json = `{"query":"${'x'.repeat(5000)}"}`;
  const { ask, close, logFolder } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - logging: { max_request_body_size: 10, max_response_body_size: 20 }
      - elasticsearch: { elasticsearch: dev }`,
    {
      forward: ({ response }) => {
        response.status = 200;
        response.headers.set('Content-Encoding', 'br');
        response.body = brotliCompressSync('a compressed answer');
      },
    },
  );
  const headers = ['Content-Encoding', 'gzip'];
  await ask({ method: 'POST', headers, body: gzipSync(json) });
  await ask({ method: 'POST', headers, body: Buffer.from('no gzip') });
  await close();
  const [good, bad] = await linesOf(`${logFolder}/request_logging.jsonl`);
  assert.equal(good?.request['body'], '{"query":"');
  assert.equal(good?.request['body_length'], gzipSync(json).length);
  assert.equal(good?.response['body'], 'a compressed answer');
  assert.equal(bad?.request['body'], '');
});
