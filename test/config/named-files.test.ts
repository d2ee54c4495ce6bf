/** Files that a configuration names: relative to the file that names them, and found by `check`. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfiguration } from '../../src/config/load.ts';
import { ConfigError, renderProblem } from '../../src/config/problem.ts';
import { builtIn } from '../../src/cli/built-in.ts';
import { selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const start =
  'entry: [{ name: main, network.port: 0 }]\nrouter: [{ name: default, default_flow: f }]\n';

/** Loads `conf/evergate.yml` in a folder that has certificates in `conf/certs`, from elsewhere. */
async function loaded(t: TestContext, yaml: string) {
  const path = temporaryFolder(t);
  mkdirSync(join(path, 'conf/certs'), { recursive: true });
  selfSigned(join(path, 'conf/certs'), 'ca');
  writeFileSync(join(path, 'conf/evergate.yml'), start + yaml);
  const options = { paths: ['conf/evergate.yml'], cwd: path, ...builtIn, environment: {} };
  const result = await loadConfiguration(options).then(
    ({ config, warnings, watch }) => ({ config, warnings, watch, errors: [] }),
    (error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      return { config: null, warnings: error.warnings, watch: error.watch, errors: error.problems };
    },
  );
  const { config, watch } = result;
  const shown = (problems: typeof result.warnings) => problems.map(renderProblem);
  return { path, config, watch, errors: shown(result.errors), warnings: shown(result.warnings) };
}

const http = (parameters: string) =>
  `flow:\n  - name: f\n    filter:\n      - http: { schema: https, host: "localhost:1", ${parameters} }\n`;
const cluster = (parameters: string) =>
  `flow: [{ name: f, filter: [{ drop: }] }]\nelasticsearch:\n  - { name: prod, endpoint: "https://localhost:1", ${parameters} }\n`;
const places: readonly [string, (parameters: string) => string, string][] = [
  ['the http filter', http, 'flow[0].filter[0].http'],
  ['a cluster', cluster, 'elasticsearch[0]'],
];

for (const [what, yaml, at] of places) {
  test(`${what} takes TLS files relative to the file that names them`, async (t) => {
    const files = 'ca_file: certs/ca.crt, cert_file: certs/ca.crt, key_file: certs/ca.key';
    const { path, errors, watch } = await loaded(t, yaml(`tls: { ${files} }`));
    assert.deepEqual(errors, []);
    assert.ok(watch.files.includes(join(path, 'conf/certs/ca.crt')), 'a change is noticed');
  });

  test(`${what} with a TLS file that is missing is told with its place`, async (t) => {
    const { path, errors } = await loaded(t, yaml('tls: { ca_file: certs/none.crt }'));
    assert.equal(errors.length, 1);
    const [error = ''] = errors;
    assert.match(error, /^conf\/evergate\.yml:\d+:\d+: /);
    const told = `${at}.tls.ca_file: cannot read ${path}/conf/certs/none.crt`;
    assert.ok(error.includes(told), error);
    const half = await loaded(t, yaml('tls: { cert_file: certs/ca.crt }'));
    assert.equal(half.errors.length, 1);
  });

  test(`${what} that nobody decided to verify is warned of once`, async (t) => {
    const { warnings } = await loaded(t, yaml('http2: false'));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /not verified.*"tls\.ca_file".*skip_(insecure_)?verify/);
    for (const decided of ['ca_file: certs/ca.crt', 'skip_insecure_verify: true']) {
      assert.deepEqual((await loaded(t, yaml(`tls: { ${decided} }`))).warnings, []);
    }
  });
}

test('credentials that an unverified node would get are part of the warning', async (t) => {
  const secret = 'basic_auth: { username: elastic, password: changeme }';
  const { warnings } = await loaded(t, cluster(secret));
  assert.match(warnings.join(), /"prod".*https:\/\/localhost:1.*password of "basic_auth"/);
  assert.doesNotMatch(warnings.join(), /changeme/);
  const off = await loaded(t, cluster(`${secret}, enabled: false`));
  assert.deepEqual(off.warnings, []);
});

test('a request log goes to a file relative to the configuration', async (t) => {
  const { path, config, errors } = await loaded(
    t,
    'flow: [{ name: f, filter: [{ logging: { file: logs/requests.jsonl } }] }]\n',
  );
  assert.deepEqual(errors, []);
  const [place] = config?.flow[0]?.filter ?? [];
  const { file } = (place as { parameters: { file: string } }).parameters;
  assert.equal(file, join(path, 'conf/logs/requests.jsonl'));
});

test('what cannot be there is told before anything starts', async (t) => {
  const missing: readonly [string, RegExp][] = [
    [
      'flow: [{ name: f, filter: [{ drop: }] }]\nplugins: [none.js]\n',
      /:\d+:\d+: plugins\[0\]: .*none\.js does not exist/,
    ],
    [
      'flow: [{ name: f, filter: [{ drop: }] }]\nconfigs.template: [{ path: none.tpl }]\n',
      /:\d+:\d+: configs\.template\[0\]\.path: .*none\.tpl does not exist/,
    ],
  ];
  for (const [yaml, message] of missing) {
    const { errors } = await loaded(t, yaml);
    assert.match(errors.join('\n'), message);
  }
});
