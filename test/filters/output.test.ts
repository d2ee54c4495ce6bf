import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { BodySource } from '../../src/http/body/body.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { compileTemplate } from '../../src/context/template.ts';
import echo from '../../src/filters/output/echo.ts';
import sleep from '../../src/filters/output/sleep.ts';
import setResponse from '../../src/filters/output/set-response.ts';
import type { FilterDefinition, FilterServices, Handler } from '../../src/flow/filter.ts';
import { arriving, bodyText, newContext } from '../support/context.ts';
import { standardOutput } from '../../src/runtime/lines/standard-output.ts';
import { problemsOf, startFlows } from '../support/flows.ts';

const lines: string[] = [];
const services = {
  log: { warn: (line: string) => lines.push(line) },
  template: compileTemplate,
} as unknown as FilterServices;

function textOf(context: RequestContext): string {
  const { body } = context.response;
  assert.ok(Buffer.isBuffer(body));
  return body.toString();
}

/** The filter at work, its defaults filled in as validation does. */
function create<P>(definition: FilterDefinition<P>, parameters: Record<string, unknown>): Handler {
  const defaults = Object.entries(definition.schema.properties ?? {})
    .filter(([, property]) => property.default !== undefined)
    .map(([name, property]) => [name, property.default] as const);
  const filter = definition.create(
    { ...Object.fromEntries(defaults), ...parameters } as P,
    services,
  );
  return typeof filter === 'function' ? filter : filter.handle;
}

test('echo answers 200 and a dot by default, and goes on', () => {
  const context = newContext();
  assert.equal(create(echo, {})(context), undefined);
  assert.equal(context.response.status, 200);
  assert.equal(textOf(context), '.');
  assert.equal(context.finished, false);
});

test('echo repeats, stands behind what is there, and stops when told', () => {
  const context = newContext();
  void create(echo, { message: 'a\n', repeat: 3, status: 404 })(context);
  void create(echo, { messages: ['b', 'c'], repeat: 2, status: 201, continue: false })(context);
  assert.equal(textOf(context), 'a\na\na\nbcbc');
  assert.equal(context.response.status, 201);
  assert.equal(context.finished, true);
});

test('echo does not repeat without end', async (t) => {
  const flow = (repeat: number): string =>
    `flow: [{ name: f, filter: [{ echo: { message: hello, repeat: ${repeat} } }] }]`;
  assert.deepEqual(await problemsOf(t, flow(1_000_000)), []);
  assert.deepEqual(await problemsOf(t, flow(100_000_000)), [
    'flow[0].filter[0].echo.repeat: the repeated text would be longer than 64 MB',
  ]);
});

test('echo can log instead of answering', () => {
  const context = newContext();
  void create(echo, { message: 'seen', response: false, logging: true, logging_level: 'warn' })(
    context,
  );
  assert.deepEqual(lines, ['seen']);
  assert.equal(context.response.status, 0);
  assert.equal(context.response.body, null);
});

test('echo stands behind a body that is still arriving', async () => {
  const context = newContext();
  context.response.body = {
    length: 2,
    start(sink) {
      sink.write(Buffer.from('ab'));
      sink.end();
    },
    resume() {},
    cancel() {},
  };
  await create(echo, { message: 'c' })(context);
  assert.equal(textOf(context), 'abc');
});

test('set_response replaces status, type and body, and gives a streamed body up', () => {
  const context = newContext();
  let cancelled = false;
  context.response.body = {
    length: 1,
    start() {},
    resume() {},
    cancel: () => void (cancelled = true),
  } satisfies BodySource;
  context.response.headers.append('content-type', 'text/plain');
  context.response.headers.append('content-encoding', 'gzip');
  void create(setResponse, { status: 403, content_type: 'application/json', body: '{}' })(context);
  assert.equal(cancelled, true);
  assert.equal(context.response.status, 403);
  assert.deepEqual(context.response.headers.asArray(), ['Content-Type', 'application/json']);
  assert.equal(textOf(context), '{}');
});

test('set_response without a status leaves the status', () => {
  const context = newContext();
  context.response.status = 404;
  void create(setResponse, { body: 'no' })(context);
  assert.equal(context.response.status, 404);
  const fresh = newContext();
  void create(setResponse, { content_type: 'text/x' })(fresh);
  assert.equal(fresh.response.status, 0);
  assert.ok(fresh.response.isGiven);
});

test('set_response without a body leaves the body', () => {
  const context = newContext();
  context.response.body = Buffer.from('kept');
  void create(setResponse, { status: 202 })(context);
  assert.equal(context.response.status, 202);
  assert.equal(textOf(context), 'kept');
});

test('echo and set_response fill templates in', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: f
    filter:
      - set_response:
          status: 201
          content_type: $[[_ctx.request.header.Accept]]
          body: '{"path":"$[[_ctx.request.path]]"}'
      - echo: { messages: ["\\n$[[_ctx.response.status]]", "!"], repeat: 2 }`,
  );
  const { response } = await ask({ target: '/a', headers: ['Accept', 'text/x'] });
  assert.equal(response.headers.get('content-type'), 'text/x');
  assert.equal(bodyText(response), '{"path":"/a"}\n201!\n201!');
});

test('drop ends the request with the response as it is', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: drop
    filter:
      - drop:
      - echo:
  - name: later
    filter:
      - echo: { message: a, status: 202 }
      - drop:
      - echo:`,
  );
  const { response } = await ask();
  assert.equal(response.status, 200);
  assert.equal(bodyText(response), '');
  const later = await ask({}, 'later');
  assert.equal(later.response.status, 202);
  assert.equal(bodyText(later.response), 'a');
});

test('sleep waits, but not for a client that has gone', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: short
    filter: [{ sleep: { sleep_in_million_seconds: 50 } }, { echo: }]`,
  );
  const started = performance.now();
  assert.equal(bodyText((await ask()).response), '.');
  assert.ok(performance.now() - started >= 45);

  const gone = newContext();
  const filter = sleep.create({ sleep_in_million_seconds: 100_000 }, services) as Handler;
  const waiting = filter(gone);
  gone.abort();
  await waiting;
});

test('redirect sends the client elsewhere', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: plain
    filter: [{ redirect: { uri: "https://example.com" } }, { echo: }]
  - name: templates
    filter: [{ redirect: { uri: "https://b$[[_ctx.request.path]]", code: 308 } }]`,
  );
  const { response } = await ask();
  assert.equal(response.status, 302);
  assert.deepEqual(response.headers.asArray(), ['Location', 'https://example.com']);
  assert.equal(bodyText(response), '');
  const other = await ask({ target: '/x' }, 'templates');
  assert.equal(other.response.status, 308);
  assert.equal(other.response.headers.get('location'), 'https://b/x');
});

/** What `action` writes to standard output. */
async function outputOf(t: TestContext, action: () => Promise<unknown>): Promise<string> {
  const written: string[] = [];
  const write = t.mock.method(standardOutput(), 'write', (text: string) => void written.push(text));
  try {
    await action();
  } finally {
    write.mock.restore();
  }
  return written.join('');
}

test('dump shows context values', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: echo
    filter:
      - set_response:
          status: 201
          content_type: "text/plain; charset=utf-8"
          body: "hello world"
      - set_response_header:
          headers:
            - Env -> Dev
      - dump:
          context:
            - _ctx.tls
            - _ctx.remote_addr
            - _ctx.local_addr
            - _ctx.request.host
            - _ctx.request.method
            - _ctx.request.uri
            - _ctx.request.path
            - _ctx.request.body
            - _ctx.request.body_length
            - _ctx.request.query_args.from
            - _ctx.request.header.Accept
            - _ctx.request.user
            - _ctx.response.status
            - _ctx.response.body
            - _ctx.response.content_type
            - _ctx.response.body_length
            - _ctx.response.header.Env`,
  );
  const output = await outputOf(t, () =>
    ask({
      method: 'POST',
      target: '/medcl/_search?from=1&size=100',
      headers: ['Host', 'localhost:8000', 'Accept', '*/*', 'Authorization', 'Basic bWVkY2w6MTIz'],
      body: arriving('{search:', 'query123}'),
    }),
  );
  assert.equal(
    output,
    `---- dumping context ----
_ctx.tls  :  false
_ctx.remote_addr  :  127.0.0.1:50925
_ctx.local_addr  :  127.0.0.1:8000
_ctx.request.host  :  localhost:8000
_ctx.request.method  :  POST
_ctx.request.uri  :  http://localhost:8000/medcl/_search?from=1&size=100
_ctx.request.path  :  /medcl/_search
_ctx.request.body  :  {search:query123}
_ctx.request.body_length  :  17
_ctx.request.query_args.from  :  1
_ctx.request.header.Accept  :  */*
_ctx.request.user  :  medcl
_ctx.response.status  :  201
_ctx.response.body  :  hello world
_ctx.response.content_type  :  text/plain; charset=utf-8
_ctx.response.body_length  :  11
_ctx.response.header.Env  :  Dev
`,
  );
});

test('dump shows parts of request and response, but nothing that gives access', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: all
    filter:
      - set_response: { status: 201, body: answer }
      - dump:
          request: true
          response: true
          uri: true
          query_args: true
          user: true
          api_key: true
          request_header: true
          response_header: true
          status_code: true
  - name: nothing
    filter: [{ dump: }]`,
  );
  const key = Buffer.from('key-id:secret').toString('base64');
  const output = await outputOf(t, () =>
    ask({
      target: '/a?b=c',
      headers: ['Host', 'h', 'Authorization', `ApiKey ${key}`],
      body: 'text',
    }),
  );
  for (const part of [
    '---- uri ----\nhttp://h/a?b=c\n',
    '---- query_args ----\n{"b":"c"}\n',
    '---- user ----\n\n',
    '---- api_key ----\nkey-id\n',
    '---- request header ----\nHost: h\nAuthorization: (not shown)\n',
    '---- request ----\nGET /a?b=c\nHost: h\nAuthorization: (not shown)\n\ntext\n',
    '---- status_code ----\n201\n',
    '---- response ----\n201\n\n\nanswer\n',
  ]) {
    assert.ok(output.includes(part), `${part} in ${output}`);
  }
  assert.doesNotMatch(output, /secret/);
  assert.ok(!output.includes(key));
  assert.equal(await outputOf(t, () => ask({}, 'nothing')), '');
});
