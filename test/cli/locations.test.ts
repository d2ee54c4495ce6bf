/** Which configuration a command is about, and which gateway runs with it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { evergate } from '../support/program.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hello = `
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`;

test('a running gateway is found after path.data has changed in its file', async (t) => {
  const environment = { RUNTIME_DIRECTORY: join(temporaryFolder(t), 'run') };
  const options = { env: environment, args: ['--workers', '1'] };
  const gateway = await startGateway(t, `configs.auto_reload: false${hello}`, options);
  writeFileSync(gateway.file, `path.data: elsewhere\nconfigs.auto_reload: false${hello}`);
  const cli = (command: string) => evergate([command, '-c', gateway.file], { environment });
  const status = await cli('status');
  assert.equal(status.code, 0, status.stderr);
  const reloaded = await cli('reload');
  assert.equal(reloaded.stdout, 'reloaded: generation 2\n', reloaded.stderr);
  writeFileSync(gateway.file, 'not: [valid');
  assert.equal((await cli('status')).code, 0);
  assert.equal((await cli('stop')).code, 0);
  await eventually(
    'the record to go',
    () => readdirSync(environment.RUNTIME_DIRECTORY).length === 0,
  );
});

test('a record that was left behind, or that others may write, leads nowhere', async (t) => {
  const folder = temporaryFolder(t);
  const environment = { RUNTIME_DIRECTORY: join(folder, 'run') };
  const gateway = await startGateway(t, hello, { env: environment, args: ['--workers', '1'] });
  chmodSync(environment.RUNTIME_DIRECTORY, 0o777);
  writeFileSync(gateway.file, `path.data: elsewhere${hello}`);
  const lost = await evergate(['status', '-c', gateway.file], { environment });
  assert.match(lost.stderr, /no gateway responds on .*elsewhere/);
  chmodSync(environment.RUNTIME_DIRECTORY, 0o755);
  gateway.process.kill('SIGKILL');
  await eventually('the gateway to end', () => gateway.process.signalCode !== null);
  const gone = await evergate(['status', '-c', gateway.file], { environment });
  assert.match(gone.stderr, /no gateway responds on .*elsewhere/);
  const next = await startGateway(t, hello, { env: environment, args: ['--workers', '1'] });
  assert.equal(readdirSync(environment.RUNTIME_DIRECTORY).length, 1, 'what was left over is gone');
  await evergate(['stop', '-c', next.file], { environment });
});

test('the configuration is the one named, that of the environment, or the usual one', async (t) => {
  const cwd = temporaryFolder(t);
  const check = async (args: readonly string[], EVERGATE_CONFIG = '') =>
    (await evergate(['check', ...args], { cwd, environment: { EVERGATE_CONFIG } })).stderr;
  assert.match(await check([]), /-c FILE or in EVERGATE_CONFIG, or create \/etc\/evergate\//);
  mkdirSync(join(cwd, 'other'));
  for (const name of ['named', 'other/environment', 'evergate']) {
    writeFileSync(join(cwd, `${name}.yml`), 'zzz: 1\n');
  }
  assert.match(await check([]), /^evergate\.yml:1:1: zzz/);
  assert.match(await check([], 'other/environment.yml'), /^other\/environment\.yml:1:1: zzz/);
  assert.match(await check(['-c', 'named.yml'], 'other/environment.yml'), /^named\.yml:1:1: zzz/);
});
