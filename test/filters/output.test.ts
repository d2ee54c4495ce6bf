import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodySource } from '../../src/context/body.ts';
import { GatewayRequest, RequestContext } from '../../src/context/context.ts';
import { HeaderList } from '../../src/context/header-list.ts';
import echo from '../../src/filters/echo.ts';
import setResponse from '../../src/filters/set-response.ts';
import type { FilterDefinition, FilterServices, Handler } from '../../src/flow/filter.ts';

const lines: string[] = [];
const services = { log: { warn: (line: string) => lines.push(line) } } as unknown as FilterServices;

function newContext(): RequestContext {
  const client = {
    remoteAddress: '::1',
    remotePort: 1,
    localAddress: '::1',
    localPort: 2,
    tls: false,
  };
  return new RequestContext(1, 'e', client, new GatewayRequest('GET', '/', new HeaderList(), null));
}

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
  assert.deepEqual(context.response.headers.raw, ['Content-Type', 'application/json']);
  assert.equal(textOf(context), '{}');
});

test('set_response without a body leaves the body', () => {
  const context = newContext();
  context.response.body = Buffer.from('kept');
  void create(setResponse, { status: 202 })(context);
  assert.equal(context.response.status, 202);
  assert.equal(textOf(context), 'kept');
});
