/** Whole files as INFINI Gateway and INFINI Console write them: what is legal there is taken. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { builtIn } from '../../src/cli/built-in.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { ConfigError, type Problem } from '../../src/config/problem.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Given {
  /** Further files, by their paths. */
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: NodeJS.ProcessEnv;
  readonly ignoreUnsupported?: boolean;
}

async function loaded(t: TestContext, yaml: string, given: Given = {}) {
  const { files = {}, environment = {}, ignoreUnsupported = false } = given;
  const cwd = temporaryFolder(t);
  for (const [name, text] of Object.entries({ 'gateway.yml': yaml, ...files })) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  const shown = (problems: readonly Problem[]) =>
    problems.map(({ path, message }) => `${path}: ${message}`);
  try {
    const options = { ...builtIn, paths: ['gateway.yml'], cwd, environment, ignoreUnsupported };
    const { config, warnings } = await loadConfiguration(options);
    return { config, errors: [], warnings: shown(warnings) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: null, errors: shown(error.problems), warnings: shown(error.warnings) };
  }
}

const rest = `
entry: [{ name: main, router: main, network.binding: "127.0.0.1:0" }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ echo: {} }] }]
`;
const cluster = (parameters: string): string =>
  `${rest}elasticsearch: [{ name: prod, endpoint: "http://127.0.0.1:9200", ${parameters} }]\n`;
const filter = (text: string): string =>
  cluster('version: 7.10.2').replace('[{ echo: {} }]', `[{ ${text} }]`);

/** What is taken; some of it with a warning that it has no effect. */
const taken: readonly (readonly [what: string, yaml: string])[] = [
  [
    'no limit of a response',
    filter('elasticsearch: { elasticsearch: prod, max_response_size: -1, timeout: -1 }'),
  ],
  [
    'weights as a map',
    filter('elasticsearch: { elasticsearch: prod, weights: { "127.0.0.1:9200": 10 } }'),
  ],
  [
    'weights as a list',
    filter(
      'elasticsearch: { elasticsearch: prod, weights: [{ host: "127.0.0.1:9200", weight: 10 }] }',
    ),
  ],
  [
    'parameters of the filter elasticsearch',
    filter(
      'elasticsearch: { elasticsearch: prod, fixed_client: true, client_mode: fasthttp, skip_available_check: true, check_cluster_health_when_not_available: true, skip_keep_original_uri: true, skip_cleanup_hop_headers: true, skip_metadata_enrich: true }',
    ),
  ],
  [
    'parameters of the filter http',
    filter(
      'http: { schema: https, host: "127.0.0.1:1", follow_redirects: false, max_redirects_count: 10, skip_metadata_enrich: true, tls: { enabled: true, skip_insecure_verify: true, default_domain: a.example, skip_domain_verify: true, client_session_cache_size: 10 } }',
    ),
  ],
  [
    'the type of a case',
    filter(
      'context_switch: { context: _ctx.request.path, default_flow: main, switch: [{ case: [1], case_value_type: int, flow: main }] }',
    ),
  ],
  [
    'keywords of set_context',
    filter('set_context: { context_keyword: "_ctx.", variable_keyword: "$[[", context: { a: b } }'),
  ],
  [
    'a message of a rule',
    filter(
      'request_path_limiter: { rules: [{ pattern: "/(?P<a>.*)", group: a, max_qps: 1, message: no }] }',
    ),
  ],
  [
    'what INFINI Console writes of a cluster',
    cluster(
      'id: c1, enabled: true, reserved: true, token: abc, client_mode: fasthttp, agent_basic_auth: { username: a, password: b }, no_default_auth_for_agent: true, cluster_uuid: xyz, orm: { enabled: true }, description: orders, discovery: { enabled: false, module: [elasticsearch], interval: 10s }',
    ),
  ],
  ['a user without a password', cluster('basic_auth: { username: elastic }')],
  ['a version that looks like a number', cluster('version: 7.10')],
  [
    'progress bar and object store',
    `${rest}progress_bar: { enabled: false }\norm: { enabled: true }\n`,
  ],
  [
    'modules',
    `${rest}modules: [{ name: pipeline, enabled: false }]\nplugins: [{ name: gateway, enabled: false }]\n`,
  ],
  ['paths', `${rest}path.plugins: plugins\n`],
  [
    'an API',
    `${rest}api: { enabled: false, base_path: /x, verbose_error_root_cause: true, api_directory_path: /, disable_api_directory: true, tls: { enabled: false } }\n`,
  ],
  [
    'a configuration centre',
    `${rest}configs: { managed: false, manager: { local_configs_repo_path: x }, scheduled_task: true, config_file_managed_by_default: true }\n`,
  ],
  [
    'a pipeline that is off',
    `${rest}pipeline: [{ name: a, enabled: false, processor: [{ echo: {} }] }]\n`,
  ],
  [
    'all pipelines off',
    `${rest}preference.pipeline_enabled_by_default: false\npipeline: [{ name: a, processor: [{ echo: {} }] }]\n`,
  ],
  [
    'a floating IP that is off',
    `${rest}floating_ip: { enabled: false, ip: 10.0.0.1 }\nforce_merge: { enabled: false }\ndisk_queue: { upload_to_s3: false }\n`,
  ],
];

for (const [what, yaml] of taken) {
  test(`${what}: taken`, async (t) => {
    const { errors } = await loaded(t, yaml);
    assert.deepEqual(errors, []);
  });
}

/** What would lose its purpose, or its safety: an error that names it. */
const refused: readonly (readonly [what: string, yaml: string, error: RegExp])[] = [
  [
    'a pipeline',
    `${rest}pipeline: [{ name: a, processor: [{ echo: {} }] }]\n`,
    /^pipeline\[0\]\.name: the pipeline "a" is not supported yet/,
  ],
  [
    'a floating IP',
    `${rest}floating_ip: { enabled: true }\n`,
    /^floating_ip: "floating_ip" is not supported yet/,
  ],
  ['forced merges', `${rest}force_merge: { enabled: true }\n`, /^force_merge: /],
  ['S3', `${rest}disk_queue: { upload_to_s3: true }\n`, /^disk_queue\.upload_to_s3: /],
];

for (const [what, yaml, error] of refused) {
  test(`${what}: an error, or a warning for who wants to go on without`, async (t) => {
    const { errors } = await loaded(t, yaml);
    assert.equal(errors.length, 1);
    assert.match(errors.join(), error);
    assert.match(errors.join(), /--ignore-unsupported/);
    const { config, warnings } = await loaded(t, yaml, { ignoreUnsupported: true });
    assert.ok(config);
    assert.match(warnings.join(), /is not supported yet; it is left out/);
  });
}

test('redirects that a filter should follow, and a proxy to a cluster, are refused', async (t) => {
  const { errors } = await loaded(
    t,
    filter('http: { host: "127.0.0.1:1", follow_redirects: true }'),
  );
  assert.match(errors.join(), /follow_redirects: "follow_redirects" is not supported/);
  const proxied = await loaded(t, cluster('http_proxy: "http://me:secret@proxy:3128"'));
  assert.match(proxied.errors.join(), /"http_proxy" is not supported/);
  assert.doesNotMatch(proxied.errors.join(), /secret/);
});

test('an id names a thing as well as its name does', async (t) => {
  const { config, errors } = await loaded(
    t,
    `
entry: [{ id: e1, name: main, router: r1, network.binding: "127.0.0.1:0" }]
router: [{ id: r1, name: main, default_flow: f1, rules: [{ id: x, pattern: /a, flow: [f1, main] }] }]
flow: [{ id: f1, name: main, filter: [{ elasticsearch: { elasticsearch: c1 } }] }]
elasticsearch: [{ id: c1, name: prod, endpoint: "http://127.0.0.1:9200" }]
`,
  );
  assert.deepEqual(errors, []);
  assert.equal(config?.entry[0]?.router, 'main');
  assert.equal(config?.router[0]?.default_flow, 'main');
  assert.deepEqual(config?.router[0]?.rules[0]?.flow, ['main', 'main']);
  const [place] = config?.flow[0]?.filter ?? [];
  assert.equal(
    (place as { parameters: { elasticsearch: string } }).parameters.elasticsearch,
    'prod',
  );
});

test('a name or password that is a number is the text that was written', async (t) => {
  const { config, errors } = await loaded(
    t,
    `${rest.replaceAll('main', '0717')}elasticsearch: [{ name: 717, endpoint: "http://127.0.0.1:1", basic_auth: { username: 007, password: 0123.50 } }]\n`,
  );
  assert.deepEqual(errors, []);
  assert.equal(config?.entry[0]?.name, '0717');
  assert.equal(config?.elasticsearch[0]?.name, '717');
  assert.deepEqual(config?.elasticsearch[0]?.basic_auth, { username: '007', password: '0123.50' });
});

test('a secret of the keystore comes from the environment', async (t) => {
  const yaml = cluster('basic_auth: { username: a, password: "$[[keystore.ES_PASS]]" }');
  const { config } = await loaded(t, yaml, { environment: { ES_PASS: '0815' } });
  assert.equal(config?.elasticsearch[0]?.basic_auth?.password, '0815');
  const { errors } = await loaded(t, yaml);
  assert.match(errors.join(), /no keystore here: set the environment variable ES_PASS/);
});

test('a secret that nothing needs may be missing', async (t) => {
  const security = 'security: { enabled: false, username: a, password: "$[[keystore.API_PASS]]" }';
  const { errors } = await loaded(
    t,
    `${rest}api: { enabled: true, network.port: 0, ${security} }\n`,
  );
  assert.deepEqual(errors, []);
});

test('the folder of included files may hold templates and *.tpl files', async (t) => {
  const { config, errors } = await loaded(t, `${rest}path.configs: config\n`, {
    files: {
      'config/a.tpl': 'flow: [{ name: from_tpl }]\n',
      'config/b.tpl': 'flow: [{ name: "$[[name]]" }]\n',
      'config/c.yml': 'configs.template: [{ path: ./b.tpl, variable: { name: filled } }]\n',
    },
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(config?.flow.map(({ name }) => name).sort(), ['filled', 'from_tpl', 'main']);
});

test('an API that a file relies on being on is pointed out', async (t) => {
  const { warnings } = await loaded(t, `${rest}api.network.binding: "0.0.0.0:2900"\n`);
  assert.match(warnings.join(), /api: the API is off unless "enabled" is true \(INFINI Gateway/);
});

test('an address as a key is told as it stands', async (t) => {
  const { errors } = await loaded(
    t,
    filter('elasticsearch: { elasticsearch: prod, weights: [{ "127.0.0.1:1": 3 }] }'),
  );
  assert.match(errors.join('\n'), /unknown key "127\.0\.0\.1:1"/);
});
