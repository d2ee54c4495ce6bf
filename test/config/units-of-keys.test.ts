/** A number without a unit means the same for every key, and -1 lifts every limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootSchema } from '../../src/config/schema/root.ts';
import type { JsonSchema } from '../../src/config/schema/json-schema.ts';
import { checkAgainst } from '../../src/config/validation/ajv.ts';
import { filters } from '../../src/filters/index.ts';
import { explain } from '../../src/cli/commands/explain.ts';
import { load, problemsOf, warningsOf } from '../support/flows.ts';

interface Key {
  readonly path: string;
  readonly name: string;
  readonly schema: JsonSchema;
}

/** Every key of the configuration and of all filters. */
const keys: readonly Key[] = [
  ...keysOf(rootSchema, ''),
  ...filters.flatMap(({ name, schema }) => keysOf(schema, `${name}.`)),
];

function keysOf(schema: JsonSchema, prefix: string): Key[] {
  return [schema, ...(schema.items ? [schema.items] : [])].flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([name, child]) => [
      { path: prefix + name, name, schema: child },
      ...keysOf(child, `${prefix}${name}.`),
    ]),
  );
}

test('what is called like a time is a duration, or has its unit in its name', () => {
  const times = keys.filter(({ name, schema }) => {
    const types = [schema.type ?? []].flat();
    const isNumber = types.includes('integer') || types.includes('number');
    return isNumber && /(timeout|interval|duration|delay|ttl|_time)(_|$)/.test(name);
  });
  assert.ok(times.length >= 20, `${times.length} keys`);
  const unclear = times.filter(
    ({ name, schema }) =>
      !schema.duration && !schema.unsupported && !/_in_(ms|seconds|million_seconds)$/.test(name),
  );
  assert.deepEqual(
    unclear.map(({ path }) => path).filter((path) => !path.endsWith('.max_retry_times')),
    [],
  );
});

for (const { path, schema } of keys.filter((key) => key.schema.duration)) {
  test(`${path}: 3 is three seconds, and explain says so`, () => {
    const holder = { it: 3 };
    assert.deepEqual(checkAgainst({ type: 'object', properties: { it: schema } }, holder), []);
    assert.equal(holder.it, 3000);
  });
}

test('explain says what a bare number is', () => {
  assert.match(explain('flow.filter.http.timeout', filters), /a bare number is seconds/);
  assert.match(
    explain('entry.idle_timeout', filters),
    /a bare number is seconds, -1 means the same as 0/,
  );
  assert.match(explain('flow.filter.http.max_response_size', filters), /a bare number is bytes/);
});

test('a large number without a unit is asked about', async (t) => {
  const flow = (timeout: string) =>
    `flow: [{ name: f, filter: [{ http: { host: "127.0.0.1:1", timeout: ${timeout} } }] }]\n`;
  assert.deepEqual(await warningsOf(t, flow('30')), []);
  assert.deepEqual(await warningsOf(t, flow('500ms')), []);
  assert.deepEqual(await warningsOf(t, flow('500')), [
    'flow[0].filter[0].http.timeout: 500 without a unit is 500 seconds; write 500s, or 500ms if you mean milliseconds',
  ]);
});

test('-1 is no limit', async (t) => {
  const parameters = 'max_response_size: -1, timeout: -1, read_timeout: -1, max_conn_duration: -1';
  const { config } = await load(
    t,
    `flow: [{ name: f, filter: [{ http: { host: "127.0.0.1:1", ${parameters} } }] }]\n`,
  );
  const [place] = config.flow[0]?.filter ?? [];
  const { max_response_size, timeout } = (place as { parameters: Record<string, unknown> })
    .parameters;
  assert.deepEqual([max_response_size, timeout], [0, 0]);
  const wrong =
    'flow: [{ name: f, filter: [{ http: { host: "127.0.0.1:1", dial_timeout: -1, timeout: -2 } }] }]\n';
  const problems = await problemsOf(t, wrong);
  assert.equal(problems.length, 2, problems.join('\n'));
});
