import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../../src/cli/commands/explain.ts';
import { explainAll, search } from '../../../src/cli/commands/explain-all.ts';
import { fieldNames } from '../../../src/context/fields/compile.ts';
import { operators } from '../../../src/flow/conditions/operators.ts';
import { rootSchema } from '../../../src/config/schema/root.ts';
import type { JsonSchema } from '../../../src/config/schema/json-schema.ts';
import { filters as builtIns } from '../../../src/filters/index.ts';
import { goldenFilters as filters } from '../../golden/filters.ts';

test('a section and a filter of one name can both be explained', () => {
  const section = explain('elasticsearch', filters);
  assert.match(section, /clusters that flows forward to/);
  assert.match(section, /Also a filter: flow\.filter\.elasticsearch/);
  assert.match(explain('flow.filter.elasticsearch', filters), /Forwards to a cluster/);
  assert.match(explain('elasticsearch.balancer', filters), /type: +"weight" or "hash"/);
  assert.match(explain('elasticsearch.name', filters), /Name that filters refer to/);
  assert.throws(() => explain('elasticsearch.balanser', filters), /did you mean "balancer"/);
});

test('filters within a filter are explained', () => {
  assert.match(explain('flow.filter.flow.inline.echo.repeat', filters), /How often/);
});

test('every key has a description, of every section and every filter', () => {
  const missing: string[] = [];
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [name, child] of Object.entries(schema.properties ?? {})) {
      if (!child.description) missing.push(`${path}.${name}`);
      visit(child, `${path}.${name}`);
    }
    for (const inner of [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
      if (inner) visit(inner, path);
    }
  };
  visit(rootSchema, '');
  for (const filter of builtIns) visit(filter.schema, filter.name);
  assert.deepEqual(missing, []);
});

test('conditions are explained, every operator there is', () => {
  assert.match(explain('flow.filter', filters), /^ +when +Among the parameters of any filter/m);
  const when = explain('flow.filter.when', filters);
  for (const operator of Object.keys(operators))
    assert.match(when, new RegExp(`^ +${operator} `, 'm'));
  assert.match(explain('flow.filter.if.range', filters), /lt, lte, gt, gte/);
  assert.match(
    explain('flow.filter.then.echo.message', filters),
    /holds: +text that may contain fields of/,
  );
  assert.match(explain('flow.filter.when.queue_has_lag', filters), /is not supported yet/);
  assert.match(explain('range', filters), /lt, lte, gt, gte/);
  assert.match(explain('when', filters), /Among the parameters of any filter/);
  assert.throws(() => explain('equal', filters), /did you mean "equals"/);
});

test('the context is explained, every field there is', () => {
  for (const name of fieldNames) assert.match(explain(name, filters), /\n {2}\S.*\n\n {2}type: /);
  assert.match(explain('_ctx.request', filters), /^ +path +Path of the request without its query/m);
  assert.match(explain('_ctx.request.path', filters), /It can be set/);
  assert.doesNotMatch(explain('_ctx.request.username', filters), /can be set/);
  assert.match(explain('_ctx.request.header.X-Trace', filters), /by name in any case/);
  assert.match(explain('_ctx.request.body_json.query.size', filters), /The body as JSON/);
  assert.match(explain('', filters), /^ +_util +Values that are new/m);
  assert.throws(() => explain('_ctx.request.pat', filters), /did you mean "path"/);
});

test('every single value has an example, and its default stands beside it in the list', () => {
  const missing: string[] = [];
  const visit = (schema: JsonSchema, path: string): void => {
    for (const shape of [schema, ...(schema.items ? [schema.items] : [])]) {
      for (const [name, child] of Object.entries(shape.properties ?? {})) {
        const at = `${path}${name}`;
        const single = !child.properties && !child.items?.properties && !child.filters;
        const counts = single && !child.unsupported && !child.refused;
        if (counts && !/^ {2}example: /m.test(explain(at, builtIns))) missing.push(at);
        visit(child, `${at}.`);
      }
    }
  };
  visit(rootSchema, '');
  for (const { name, schema } of builtIns) visit(schema, `flow.filter.${name}.`);
  assert.deepEqual(missing, []);
  assert.match(
    explain('entry', builtIns),
    /^ +max_concurrency +Maximum number of open conn.* \(default: 10000\)$/m,
  );
});

test('a key that is not to be used is marked in every list, and in no choice', () => {
  const tls = explain('entry.tls', builtIns);
  assert.match(tls, /^ +auto_issue +\(not supported\) Certificates from a public authority/m);
  assert.match(tls, /^ +skip_domain_verify +\(no effect\) /m);
  assert.match(explain('api', builtIns), /^ +tls +\(not supported\) /m);
  assert.match(explain('when', builtIns), /^ +queue_has_lag +\(not supported\) /m);
  assert.throws(
    () => explain('api.zzzzzz', builtIns),
    ({ message }: Error) => message.includes('security') && !message.includes('cors'),
  );
});

test('keys are found by what they are about', () => {
  assert.match(search('gzip', builtIns), /^ +elasticsearch\.request_compress +Compresses/m);
  assert.match(search('weights', builtIns), /^ +flow\.filter\.elasticsearch\.weights /m);
  assert.match(search('Retry WRITES', builtIns), /retry_writes_on_backend_failure/);
  assert.match(search('acme', builtIns), /auto_issue +\(not supported\)/);
  assert.match(search('_ctx.request.path', builtIns), /^ +_ctx\.request\.path /m);
  assert.throws(() => search('flux capacitor', builtIns), /no key or explanation contains/);
  assert.throws(() => explain('gzip', builtIns), /evergate explain --search gzip/);
});

test('everything can be explained at once', () => {
  const all = explainAll(builtIns);
  for (const key of ['entry.tls.ciphers', 'flow.filter.echo.message', 'range', '_ctx.tls']) {
    assert.ok(all.includes(explain(key, builtIns).replace(/^.*\n/, `${key}\n`)), key);
  }
});

test('a plural is a slip', () => {
  assert.throws(() => explain('entries', builtIns), /did you mean "entry"/);
  assert.throws(() => explain('flows', builtIns), /did you mean "flow"/);
});
