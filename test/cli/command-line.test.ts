import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { evergate } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const valid = `
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow:
  - name: main
    filter:
      - echo: { message: hello }
`;

function folderWith(context: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(context);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const commands = ['run', 'check', 'reload', 'stop', 'status', 'explain'];

test('--help names every command', async () => {
  const { code, stdout } = await evergate(['--help']);
  assert.equal(code, 0);
  for (const command of commands) assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
});

for (const command of commands) {
  test(`${command} --help says how to use it`, async () => {
    const { code, stdout } = await evergate([command, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^Usage: evergate ${command}`));
  });
}

test('--version prints the version', async () => {
  const { code, stdout } = await evergate(['--version']);
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

const mistakes: readonly [readonly string[], RegExp][] = [
  [['chek'], /unknown command 'chek'\n\(Did you mean check\?\)/],
  [['run', '--worker', '2'], /unknown option '--worker'\n\(Did you mean --workers\?\)/],
  [['run', '--workers', 'many'], /integer from 1 to 256, or auto/],
  [['run', '--workers', '0'], /integer from 1 to 256, or auto/],
  [['run', '--log-level', 'verbos'], /Expected one of trace, debug/],
  [['run', '--log-level', 'inf'], /did you mean "info"\?/],
  [['check', '-c'], /argument missing/],
  [['check', 'evergate.yml'], /too many arguments/],
  [['explain', 'entry.netwrk'], /no key "netwrk" in "entry"; did you mean "network"\?/],
  [['explain', 'ehco'], /did you mean "echo"\?/],
  [['explain', 'kafka'], /"kafka" is not supported yet/],
  [['explain', 'flow.filter.ldap_auth'], /"ldap_auth" is not supported yet/],
];

for (const [args, message] of mistakes) {
  test(`the mistake "${args.join(' ')}" is answered helpfully`, async () => {
    const { code, stdout, stderr } = await evergate(args);
    assert.match(stderr, message);
    assert.equal(stdout, '');
    assert.equal(code, 2);
  });
}

test('a home that takes no folder is no hindrance', async () => {
  const environment = { HOME: '/proc', XDG_CACHE_HOME: '', NODE_COMPILE_CACHE: undefined };
  const { code, stdout } = await evergate(['--version'], { environment });
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a user without a home can use it', async (context) => {
  const cwd = folderWith(context, {
    'homeless.mjs': `
      import { syncBuiltinESMExports } from 'node:module';

      import os from 'node:os';
      os.homedir = () => { throw new Error('uv_os_homedir returned ENOENT'); };
      syncBuiltinESMExports();`,
  });
  const environment = {
    NODE_OPTIONS: `--import=${join(cwd, 'homeless.mjs')}`,
    XDG_CACHE_HOME: '',
    NODE_COMPILE_CACHE: undefined,
  };
  const { code, stderr } = await evergate(['--version'], { environment });
  assert.equal(code, 0, stderr);
});

test('compiled code is kept where only this user can write', async (context) => {
  const cwd = folderWith(context, {});
  const folder = join(cwd, 'evergate');
  const environment = { XDG_CACHE_HOME: cwd, NODE_COMPILE_CACHE: undefined };
  mkdirSync(folder);
  for (const [mode, isUsed] of [
    [0o777, false],
    [0o775, false],
    [0o755, true],
  ] as const) {
    chmodSync(folder, mode);
    const { code, stderr } = await evergate(['--version'], { environment });
    assert.equal(code, 0, stderr);
    assert.equal(readdirSync(folder).length > 0, isUsed, mode.toString(8));
  }
});

test('no command at all prints the help', async () => {
  const { code, stdout, stderr } = await evergate([]);
  assert.match(stdout + stderr, /Usage: evergate/);
  assert.equal(code, 2);
});

test('check says that a configuration is valid', async (context) => {
  const cwd = folderWith(context, { 'evergate.yml': `${valid}kafka: {}\n` });
  const { code, stdout, stderr } = await evergate(['check'], { cwd });
  assert.equal(
    stdout,
    'the configuration is valid, with 1 warning: 1 entry, 1 router, 1 flow, 0 clusters\n',
  );
  assert.match(stderr, /^warning: evergate\.yml:8:1: kafka: .*not supported yet/);
  assert.equal(code, 0);
});

test('check prints every error with its place', async (context) => {
  const cwd = folderWith(context, {
    'a.yml': valid.replace('echo', 'ehco'),
    'b.yml': 'log.levl: x\nentry: [{ name: other, router: defalt, network.port: 0 }]\n',
  });
  const { code, stdout, stderr } = await evergate(['check', '-c', 'a.yml', '-c', 'b.yml'], { cwd });
  assert.equal(stdout, '');
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'a.yml:7:9: flow[0].filter[0].ehco: there is no filter "ehco"; did you mean "echo"?',
    'b.yml:1:1: log.levl: unknown key "levl"; did you mean "level"?',
    'b.yml:2:32: entry[1].router: there is no router "defalt"; did you mean "default"?',
    'evergate: 3 errors',
  ]);
  assert.equal(code, 2);
});

test('check takes a folder, and the environment', async (context) => {
  const cwd = folderWith(context, {
    'a.yml': valid.replace('127.0.0.1:0', '$[[env.EVERGATE_TEST_BINDING]]'),
  });
  const environment = { EVERGATE_TEST_BINDING: '127.0.0.1:1' };
  const good = await evergate(['check', '-c', cwd], { environment });
  assert.equal(good.code, 0, good.stderr);
  const bad = await evergate(['check', '-c', cwd]);
  assert.match(bad.stderr, /EVERGATE_TEST_BINDING is not set/);
  assert.equal(bad.code, 2);
});

test('without -c and without evergate.yml the answer says what to do', async (context) => {
  const cwd = folderWith(context, {});
  for (const command of ['check', 'run', 'status']) {
    const { code, stderr } = await evergate([command], { cwd });
    assert.match(stderr, /there is no evergate\.yml in this folder; name .* -c FILE/);
    assert.equal(code, 2);
  }
});

test('run refuses a bad configuration with all its errors', async (context) => {
  const cwd = folderWith(context, { 'evergate.yml': 'entry: 5\nflows: []\n' });
  const { code, stderr } = await evergate(['run'], { cwd });
  assert.match(stderr, /evergate\.yml:1:8: entry: expected a list of maps, got a number/);
  assert.match(stderr, /evergate\.yml:2:1: flows: .*did you mean "flow"\?/);
  assert.equal(code, 2);
});

test('control commands say when no gateway runs, even with a broken configuration', async (context) => {
  const cwd = folderWith(context, { 'evergate.yml': 'path.data: there\nentry: [' });
  for (const command of ['reload', 'stop', 'status']) {
    const { code, stdout, stderr } = await evergate([command], { cwd });
    assert.match(stderr, /no gateway responds on .*there\/evergate\.sock/);
    assert.equal(stdout, '');
    assert.equal(code, 1);
  }
  const { stderr } = await evergate(['status', '--socket', 'elsewhere.sock'], { cwd });
  assert.match(stderr, /no gateway responds on elsewhere\.sock/);
});

const explained: readonly [string, readonly RegExp[]][] = [
  ['entry.network.reuse_port', [/type: +true or false/, /default: +true/, /example: +false/]],
  ['entry[0].network.binding', [/example: +0\.0\.0\.0:8000/, /IPv6/]],
  ['entry', [/Keys:/, /max_concurrency +Maximum number of open connections/]],
  ['entry.drain.idle', [/type: +a duration/, /default: +"5s"/]],
  ['flow.filter.echo.message', [/type: +text/, /default: +"\."/]],
  ['echo.message', [/type: +text/]],
  ['echo', [/Keys:/, /message/]],
  ['flow.filter', [/echo/, /set_response/]],
  ['elasticsearch.basic_auth.password', [/secret: +never appears/]],
  ['elasticsearch.metadata_cache_enabled', [/note: +has no effect/]],
  ['workers', [/from 1 to 256 or "auto"/]],
  ['router.rules.flow', [/names: +a flow/]],
];

for (const [key, patterns] of explained) {
  test(`explain ${key}`, async () => {
    const { code, stdout } = await evergate(['explain', key]);
    assert.equal(code, 0);
    assert.ok(stdout.startsWith(`${key.replace('[0]', '')}\n`), stdout);
    for (const pattern of patterns) assert.match(stdout, pattern);
  });
}

test('explain without a key is an overview', async () => {
  const { code, stdout } = await evergate(['explain']);
  assert.equal(code, 0);
  for (const word of ['entry', 'router', 'flow', 'elasticsearch', 'echo']) {
    assert.match(stdout, new RegExp(`^  ${word} +\\S`, 'm'));
  }
});
