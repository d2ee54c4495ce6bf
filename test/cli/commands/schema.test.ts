/** The schema that editors get takes what the gateway takes, and marks what is misspelt. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { evergate } from '../../support/program.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { stdout } = await evergate(['explain', '--schema', '-c', `${root}examples/plugin.yml`]);
const schema = JSON.parse(stdout) as Record<string, unknown>;
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);

function mistakes(yaml: string): string[] {
  validate(parse(yaml, { uniqueKeys: false }));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

test('every example is right', () => {
  for (const name of readdirSync(`${root}examples`)) {
    if (!name.endsWith('.yml')) continue;
    assert.deepEqual(mistakes(readFileSync(`${root}examples/${name}`, 'utf8')), [], name);
  }
});

test('so is what the dialect allows', () => {
  const yaml = `
path.data: /tmp/x
workers: $[[env.WORKERS]]
entry: { name: a, network.binding: ":8000", max_concurrency: "$[[env.MAX]]", max_conns_per_ip: -1, tls: }
elasticsearch: [{ name: 717, id: x, endpoint: "http://a:1", basic_auth: { username: a, password: 0123 } }]
flow: [{ name: f, filter: [{ drop: }, { elasticsearch: { elasticsearch: 717, timeout: -1, weights: { "a:1": 2 } } }, { if: { exists: [x] }, then: [{ echo: { when: { equals: { a: 1 } } } }] }] }]
`;
  assert.deepEqual(mistakes(yaml), []);
});

test('what is misspelt or of the wrong type is marked at its place', () => {
  const found = mistakes(`
entry: [{ name: a, netwrk: {}, max_concurrency: many }]
flow: [{ name: f, filter: [{ ecko: {} }, { echo: { mesage: x } }] }]
`);
  for (const at of [
    '/entry/0 ',
    '/entry/0/max_concurrency ',
    '/flow/0/filter/0 ',
    '/flow/0/filter/1/echo ',
  ]) {
    assert.ok(
      found.some((one) => one.startsWith(at)),
      `${at} is not in ${found.join('\n')}`,
    );
  }
});
