/** `npx evergate` under whatever Node.js the machine has. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Makes a Node.js take itself for an old one. */
const aged = [
  '--import',
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.1"}})',
];

/** The program as a package that is installed beside others; its code is `body`. */
function installed(t: TestContext, body: string): string {
  const folder = join(temporaryFolder(t), 'node_modules');
  for (const path of ['evergate/scripts', 'evergate/dist', 'node/bin']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  copyFileSync(join(root, 'scripts/evergate.js'), join(folder, 'evergate/scripts/evergate.js'));
  writeFileSync(join(folder, 'evergate/package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'evergate/dist/cli.js'), body);
  return folder;
}

const tells =
  'console.log(process.versions.node, process.argv.slice(2).join()); process.exitCode = 3;';

function run(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('the Node.js that runs it is taken when it is new enough', (t) => {
  const bin = join(installed(t, tells), 'evergate/scripts/evergate.js');
  const expected = `${process.versions.node} check,-c,a b\n`;
  assert.deepEqual(run([bin, 'check', '-c', 'a b']), { status: 3, stdout: expected, stderr: '' });
});

test('under an old one that of the package node takes over, with arguments and exit code', (t) => {
  const folder = installed(t, tells);
  const bin = join(folder, 'evergate/scripts/evergate.js');
  const without = run([...aged, bin, 'check']);
  assert.equal(without.status, 2);
  assert.match(
    without.stderr,
    /needs Node\.js 24\.21 or newer; this is 20\.19\.1\..*npm install node/,
  );
  symlinkSync(process.execPath, join(folder, 'node/bin/node'));
  const expected = `${process.versions.node} check,-c,a b\n`;
  const found = run([...aged, bin, 'check', '-c', 'a b']);
  assert.deepEqual(found, { status: 3, stdout: expected, stderr: '' });
});

test('signals reach the program that runs for it', async (t) => {
  const waits = `const held = setInterval(() => {}, 1000);
    process.on('SIGHUP', () => console.log('reload'));
    process.on('SIGTERM', () => { console.log('stop'); clearInterval(held); });
    console.log('ready');`;
  const folder = installed(t, waits);
  symlinkSync(process.execPath, join(folder, 'node/bin/node'));
  const child = spawn(process.execPath, [
    ...aged,
    join(folder, 'evergate/scripts/evergate.js'),
    'run',
  ]);
  t.after(() => child.kill('SIGKILL'));
  const next: Readonly<Record<string, NodeJS.Signals>> = { ready: 'SIGHUP', reload: 'SIGTERM' };
  child.stdout.on('data', (chunk: Buffer) => {
    const signal = next[chunk.toString().trim()];
    if (signal) child.kill(signal);
  });
  assert.equal(await text(child.stdout), 'ready\nreload\nstop\n');
});

test('in a clone it runs the sources', () => {
  const { status, stdout } = run([join(root, 'scripts/evergate.js'), '--version']);
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});
