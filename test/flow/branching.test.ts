import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterConfig, FlowConfig } from '../../src/config/types.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { type CompiledFlow, compileFlows } from '../../src/flow/compiler.ts';
import { defineFilter, type FilterDefinition, type FlowServices } from '../../src/flow/filter.ts';
import { arriving, bodyText, newContext } from '../support/context.ts';

const services = {
  cluster: (name: string) => ({ name, available: name === 'up' }),
} as unknown as FlowServices;

/** A filter that notes its text in a header of the response. */
const note = defineFilter<string>({
  name: 'note',
  summary: '',
  schema: {},
  create(text, { template }) {
    const { render } = template(text);
    return (context) => context.response.headers.append('Note', render(context));
  },
});

const definitions = new Map<string, FilterDefinition>([['note', note]]);

function place(text: string, when?: unknown): FilterConfig {
  const filter = { kind: 'filter', name: 'note', parameters: text, path: `note ${text}` } as const;
  return when === undefined ? filter : { ...filter, when };
}

function branch(
  condition: unknown,
  whenMet: FilterConfig[],
  otherwise: FilterConfig[] = [],
): FilterConfig {
  return { kind: 'branch', condition, whenMet, otherwise, path: 'if' };
}

function flowOf(...filter: FilterConfig[]): CompiledFlow {
  return compiled({ name: 'f', filter, body_limits: { request: 50, response: 50 } }, definitions);
}

function compiled(flow: FlowConfig, known: ReadonlyMap<string, FilterDefinition>): CompiledFlow {
  return compileFlows([flow], known, services).get(flow.name) as CompiledFlow;
}

function notesOf(context: RequestContext): string {
  return context.response.headers.getAll('note').join(' ');
}

function run(flow: CompiledFlow, method: string): string {
  const context = newContext({ method });
  assert.equal(flow.handle(context), undefined, 'nothing takes time');
  return notesOf(context);
}

const isMethod = (method: string) => ({ equals: { '_ctx.request.method': method } });

test('when lets a filter run or be skipped', () => {
  const flow = flowOf(place('a', isMethod('GET')), place('b', isMethod('PUT')), place('c'));
  assert.equal(run(flow, 'GET'), 'a c');
  assert.equal(run(flow, 'PUT'), 'b c');
  assert.equal(run(flow, 'POST'), 'c');
});

test('if goes one of two ways, nested as deep as it likes', () => {
  const flow = flowOf(
    place('first'),
    branch(
      { in: { '_ctx.request.method': ['GET', 'HEAD'] } },
      [place('read'), branch(isMethod('HEAD'), [place('head')], [place('get')]), place('end')],
      [branch(isMethod('PUT'), [place('put')]), place('write', { not: isMethod('DELETE') })],
    ),
    branch(isMethod('HEAD'), [], [place('body')]),
    place('last'),
  );
  assert.equal(run(flow, 'GET'), 'first read get end body last');
  assert.equal(run(flow, 'HEAD'), 'first read head end last');
  assert.equal(run(flow, 'PUT'), 'first put write body last');
  assert.equal(run(flow, 'DELETE'), 'first body last');
});

test('conditions see what filters before them have changed', () => {
  const flow = flowOf(
    place('x'),
    place('seen', { equals: { '_ctx.response.header.note': 'x' } }),
    place('not seen', { exists: ['_ctx.response.header.other'] }),
  );
  assert.equal(run(flow, 'GET'), 'x seen');
});

test('cluster_available asks the cluster when the request is there', () => {
  const flow = flowOf(
    place('up', { cluster_available: ['up'] }),
    place('down', { cluster_available: ['down'] }),
  );
  assert.equal(run(flow, 'GET'), 'up');
});

test('a body is read right before the step that needs it, and only then', async () => {
  const flow = flowOf(
    place('before'),
    branch(isMethod('POST'), [
      place('json', { equals: { '_ctx.request.body_json.a': 1 } }),
      place('$[[_ctx.request.body_json.b]]'),
    ]),
  );
  const get = newContext({ body: arriving('{"a":1}') });
  assert.equal(flow.handle(get), undefined);
  assert.ok(!Buffer.isBuffer(get.request.body), 'the body still streams');
  assert.equal(notesOf(get), 'before');

  const post = newContext({ method: 'POST', body: arriving('{"a":1', ',"b":[2]}') });
  await flow.handle(post);
  assert.equal(notesOf(post), 'before json [2]');
  assert.equal(bodyText(post.request), '{"a":1,"b":[2]}');
});

test("a response's body can be waited for, too", async () => {
  const flow = flowOf(place('error', { contains: { '_ctx.response.body': 'error' } }));
  const context = newContext();
  context.response.body = arriving('an er', 'ror');
  await flow.handle(context);
  assert.equal(notesOf(context), 'error');
});

test('a body that is too large to be read ends the request with 413', async () => {
  const flow = flowOf(place('$[[_ctx.request.body]]'));
  const context = newContext({ body: arriving('x'.repeat(51)) });
  await assert.rejects(async () => flow.handle(context), { code: 'BODY_TOO_LARGE', status: 413 });
});

test('a client that goes away while its body is read ends the flow', async () => {
  const flow = flowOf(place('$[[_ctx.request.body]]'));
  const context = newContext({
    body: {
      length: undefined,
      start: (sink) => void setImmediate(() => sink.fail(new Error('gone'))),
      resume() {},
      cancel() {},
    },
  });
  await assert.rejects(async () => flow.handle(context), { code: 'FILTER_FAILED' });
});

test('a body that is asked for after the request was sent on is read before that', async () => {
  const sent: unknown[] = [];
  const forward = defineFilter<string>({
    name: 'forward',
    summary: '',
    schema: {},
    create(name, { cluster }) {
      cluster(name);
      return ({ request }) => void sent.push(request.body);
    },
  });
  const known = new Map<string, FilterDefinition>([...definitions, ['forward', forward]]);
  const forwarding = { kind: 'filter', name: 'forward', parameters: 'up', path: 'f' } as const;
  const flow = compiled(
    { name: 'f', filter: [forwarding, place('$[[_ctx.request.body]]'), forwarding] },
    known,
  );
  const context = newContext({ body: arriving('a', 'b') });
  await flow.handle(context);
  assert.equal(notesOf(context), 'ab');
  assert.deepEqual(sent, [Buffer.from('ab'), Buffer.from('ab')]);

  const streaming = compiled({ name: 's', filter: [place('x'), forwarding] }, known);
  assert.equal(streaming.handle(newContext({ body: arriving('c') })), undefined);
  assert.ok(!Buffer.isBuffer(sent[2]));
});
