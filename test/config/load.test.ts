import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfiguration, locateDataFolder } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { goldenFilters as filters } from '../golden/filters.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const valid = `
entry:
  - name: main
    network.binding: 127.0.0.1:0
router:
  - name: default
    default_flow: main
flow:
  - name: main
    filter:
      - echo: { headers: { X-A: b } }
`;

/** A folder with these files, gone after the test. */
function folderWith(context: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(context);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function failureOf(options: Parameters<typeof loadConfiguration>[0]): Promise<ConfigError> {
  try {
    await loadConfiguration(options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'the configuration was taken' });
}

test('the configuration is frozen to its depth', async (context) => {
  const cwd = folderWith(context, { 'a.yml': valid });
  const { config } = await loadConfiguration({ paths: ['a.yml'], filters, cwd });
  const unfrozen: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Object.isFrozen(value)) unfrozen.push(path);
    for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
  };
  visit(config, 'config');
  assert.deepEqual(unfrozen, []);
  assert.deepEqual(structuredClone(config), config);
});

test('defaults of one place never leak into another', async (context) => {
  const cwd = folderWith(context, {
    'a.yml': valid.replace('    network', '    network.port: 0\n    network'),
  });
  const load = () => loadConfiguration({ paths: ['a.yml'], filters, cwd });
  const [first, second] = [await load(), await load()];
  assert.notEqual(first.config.entry[0]?.network, second.config.entry[0]?.network);
  assert.deepEqual(first.config, second.config);
});

test('every file read and folder listed is to be watched', async (context) => {
  const cwd = folderWith(context, {
    'a.yml': 'path.configs: more\nconfigs.template: [{ path: t.tpl, variable: { r: default } }]\n',
    'more/b.yml': valid,
    't.tpl': 'log.level: debug\n',
    'conf/c.yml': 'workers: 2\n',
  });
  const { watch, config } = await loadConfiguration({ paths: ['a.yml', 'conf'], filters, cwd });
  assert.equal(config.workers, 2);
  assert.equal(config.log.level, 'debug');
  const expected = ['a.yml', 't.tpl', 'more/b.yml', 'conf/c.yml'].map((name) => join(cwd, name));
  assert.deepEqual([...watch.files].sort(), expected.sort());
  assert.deepEqual([...watch.folders].sort(), [join(cwd, 'conf'), join(cwd, 'more')]);
});

test('a broken configuration tells what is to be watched, files that are missing included', async (context) => {
  const cwd = folderWith(context, { 'a.yml': 'entry: [' });
  const error = await failureOf({ paths: ['a.yml', 'b.yml'], filters, cwd });
  assert.deepEqual([...error.watch.files].sort(), [join(cwd, 'a.yml'), join(cwd, 'b.yml')]);
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.equal(error.exitCode, 2);
});

test('a file that is reached in two ways counts once', async (context) => {
  const cwd = folderWith(context, { 'conf/a.yml': `${valid}path.configs: .\n` });
  symlinkSync('a.yml', join(cwd, 'conf/b.yml'));
  const { config } = await loadConfiguration({ paths: ['conf/a.yml', 'conf'], filters, cwd });
  assert.equal(config.entry.length, 1);
});

test('text that is not UTF-8 is an error', async (context) => {
  const cwd = folderWith(context, {});
  writeFileSync(join(cwd, 'a.yml'), Buffer.from([0x61, 0x3a, 0x20, 0xff]));
  const error = await failureOf({ paths: ['a.yml'], filters, cwd });
  assert.match(error.problems[0]?.message ?? '', /not UTF-8/);
});

test('no message shows a secret', async (context) => {
  const secret = 'hunter2hunter2';
  const cwd = folderWith(context, {
    'a.yml': `${valid}
elasticsearch:
  - name: a
    endpoint: http://elastic:${secret}@localhost:9200
    basic_auth: { username: x, password: [${secret}] }
  - name: b
    endpoint: [http://elastic:${secret}@localhost:9200]
    basic_auth: ${secret}
  - name: c
    host: http://elastic:${secret}@localhost:9200
    basic_auth: { username: x, password: "$[[env.PASS]]", schema: "http://u:${secret}@a" }
`,
  });
  const error = await failureOf({ paths: ['a.yml'], filters, cwd, environment: { PASS: secret } });
  assert.ok(error.problems.length >= 4);
  assert.ok(!JSON.stringify(error.problems).includes(secret), JSON.stringify(error.problems));
});

test('the data folder is found in a configuration that is broken', async (context) => {
  const cwd = folderWith(context, {
    'a.yml': 'path.data: $[[env.DATA]]\nentry: [{ nonsense: 1 }]\n',
    'b.yml': 'path: { data: here }\nflow: [',
    'c.yml': 'entry: 5\n',
    'sub/d.yml': 'path: { data: below }\nentry: 5\n',
  });
  const find = (path: string) =>
    locateDataFolder({ paths: [path], cwd, environment: { DATA: '/var/x' } });
  assert.equal(await find('a.yml'), '/var/x');
  assert.equal(await find('c.yml'), join(cwd, 'data'));
  assert.equal(await find('sub/d.yml'), join(cwd, 'sub/below'));
  assert.equal(await find('b.yml'), join(cwd, 'here'));
});

test('deep nesting is an error, not a crash', async (context) => {
  const cwd = folderWith(context, { 'a.yml': `entry: ${'['.repeat(20_000)}` });
  const error = await failureOf({ paths: ['a.yml'], filters, cwd });
  assert.ok(error.problems.length >= 1);
});
