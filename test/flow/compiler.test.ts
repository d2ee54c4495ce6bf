import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayRequest, RequestContext } from '../../src/http/context.ts';
import { HeaderList } from '../../src/http/headers/header-list.ts';
import { GatewayError } from '../../src/errors.ts';
import { type CompiledFlow, compileFlows } from '../../src/flow/compiler.ts';
import { inSequence } from '../../src/flow/runner.ts';
import {
  type Filter,
  type FilterDefinition,
  type FlowServices,
  defineFilter,
} from '../../src/flow/filter.ts';

const services = {} as FlowServices;

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

/** A flow of the filters given. */
function flowOf(filters: Record<string, Filter>): CompiledFlow {
  const definitions = new Map<string, FilterDefinition>();
  const places = Object.entries(filters).map(([name, filter], i) => {
    definitions.set(name, defineFilter({ name, summary: '', schema: {}, create: () => filter }));
    return { kind: 'filter' as const, name, parameters: {}, path: `flow[0].filter[${i}].${name}` };
  });
  const flows = compileFlows([{ name: 'f', filter: places }], definitions, services);
  return flows.get('f') as CompiledFlow;
}

function isFilterFailure(error: unknown): boolean {
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, 'FILTER_FAILED');
  assert.match(error.message, /flow\[0\]\.filter\[0\]\.a failed: boom/);
  return true;
}

test('runs synchronously as long as no filter needs time', () => {
  const seen: string[] = [];
  const flow = flowOf({ a: () => void seen.push('a'), b: () => void seen.push('b') });
  assert.equal(flow.handle(newContext()), undefined);
  assert.deepEqual(seen, ['a', 'b']);
});

test('waits for a filter that needs time, then goes on in order', async () => {
  const seen: string[] = [];
  const flow = flowOf({
    a: async () => {
      await Promise.resolve();
      seen.push('a');
    },
    b: () => void seen.push('b'),
    c: async () => {
      await Promise.resolve();
      seen.push('c');
    },
  });
  const pending = flow.handle(newContext());
  assert.deepEqual(seen, []);
  await pending;
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('finish() ends every flow of the request', async () => {
  const seen: string[] = [];
  const first = flowOf({
    a: async (context) => {
      await Promise.resolve();
      context.finish();
    },
    b: () => void seen.push('b'),
  });
  const second = flowOf({ c: () => void seen.push('c') });
  await inSequence([first.handle, second.handle])(newContext());
  assert.deepEqual(seen, []);
});

test('flows in sequence all run', () => {
  const seen: string[] = [];
  const flows = ['a', 'b', 'c'].map(
    (name) => flowOf({ [name]: () => void seen.push(name) }).handle,
  );
  assert.equal(inSequence(flows)(newContext()), undefined);
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('what a filter throws names the filter, thrown at once or later', async () => {
  const throwing = flowOf({
    a: () => {
      throw new Error('boom');
    },
  });
  assert.throws(() => throwing.handle(newContext()), isFilterFailure);
  await assert.rejects(
    async () => flowOf({ a: () => Promise.reject(new Error('boom')) }).handle(newContext()),
    isFilterFailure,
  );
});

test("the gateway's own errors pass unchanged", () => {
  const own = new GatewayError('UPSTREAM_TIMEOUT', { node: 'n', timeout: 1 });
  const flow = flowOf({
    a: () => {
      throw own;
    },
  });
  assert.throws(() => flow.handle(newContext()), own);
});

test('closing closes every filter, even when one fails', async () => {
  const closed: string[] = [];
  const flow = flowOf({
    a: {
      handle() {},
      close() {
        throw new Error('stuck');
      },
    },
    b: { handle() {}, close: () => void closed.push('b') },
  });
  await assert.rejects(flow.close(), /stuck/);
  assert.deepEqual(closed, ['b']);
});
