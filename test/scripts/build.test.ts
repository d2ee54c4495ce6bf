/** What `npm run build` makes is laid out unlike the sources that all other tests run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hashSync } from 'bcryptjs';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The program as it is installed, in a folder of the test's own. */
function builtProgram(t: TestContext): string {
  const folder = temporaryFolder(t);
  const { status, stdout, stderr } = run([`${root}scripts/build.ts`, folder]);
  assert.equal(status, 0, stdout + stderr);
  copyFileSync(`${root}package.json`, join(folder, 'package.json'));
  symlinkSync(`${root}node_modules`, join(folder, 'node_modules'));
  return folder;
}

function run(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 });
}

const plugin = `import { defineFilter, GatewayError } from 'evergate';


export default defineFilter({
  name: 'refuse_teapots',
  summary: 'Refuses.',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  create: () => (context) => {
    if (context.request.path === '/teapot') throw new GatewayError('METHOD_NOT_ALLOWED', { method: 'BREW' });
  },
});
`;

test('the built program serves, with plugins, threads and child programs of its own', async (t) => {
  const folder = builtProgram(t);
  writeFileSync(join(folder, 'plugin.ts'), plugin);
  const cli = join(folder, 'dist/cli.js');
  const password = hashSync('patient', 4);
  const gateway = await startGateway(
    t,
    `plugins: [plugin.ts]
entry:
  - { name: open, router: open, network: { binding: "127.0.0.1:0" } }
  - { name: shared, router: guarded, network: { binding: "127.0.0.1:0", reuse_port: false } }
router:
  - { name: open, default_flow: open }
  - { name: guarded, default_flow: guarded }
flow:
  - { name: open, filter: [refuse_teapots: {}, echo: { message: "served" }] }
  - { name: guarded, filter: [basic_auth: { valid_users: { ann: "${password}" } }, echo: { message: "let in" }] }
`,
    { cli, folder },
  );
  const open = await gateway.origin('open');
  const guarded = await gateway.origin('shared');
  const headers = { authorization: `Basic ${btoa('ann:patient')}` };
  for (const generation of [1, 2]) {
    assert.equal((await gateway.status()).generation, generation);
    assert.equal((await ask(open)).body, 'served');
    // The plugin's error is known to the gateway: both have it from the same module.
    assert.equal((await ask(`${open}/teapot`)).status, 405);
    assert.equal((await ask(guarded)).status, 401);
    assert.equal((await ask(guarded, { headers })).body, 'let in');
    if (generation === 1) assert.equal((await gateway.reload()).status, 200);
  }
  for (const command of ['check', 'explain', 'cert']) {
    const { status, stderr } = run([cli, command, '-c', gateway.file]);
    assert.equal(status, 0, stderr);
  }
  const stopped = run([cli, 'stop', '-c', gateway.file]);
  assert.equal(stopped.stdout, 'stopped\n');
  assert.equal((await gateway.ended()).code, 0);
  // What it declares is complete: a plugin compiles against it.
  const tsc = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', 'plugin.ts'];
  const compiled = spawnSync(`${root}node_modules/.bin/tsc`, tsc, {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(compiled.stdout, '');
});
