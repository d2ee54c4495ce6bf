import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import { startGateway } from '../support/gateway.ts';
import { evergate } from '../support/program.ts';
import { cli } from '../support/program-path.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hello = `
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`;

test('a data folder that cannot be made ends the start with the reason', async (t) => {
  const cwd = temporaryFolder(t);
  const file = join(cwd, 'evergate.yml');
  writeFileSync(join(cwd, 'taken'), '');
  const places = [[join(cwd, 'taken'), 'there is a file of that name']];
  if (process.platform === 'linux') places.push(['/proc/none/data', 'there is no such folder']);
  for (const [data = '', reason] of places) {
    writeFileSync(file, `path.data: ${data}${hello}`);
    const { code, stdout, stderr } = await evergate(['run'], { cwd });
    assert.equal(stderr, `evergate: cannot use the folder path.data (${data}): ${reason}\n`);
    assert.equal(code, 1);
    assert.equal(stdout, '');
  }
});

test('a pid file that cannot be written ends the start with the reason', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'evergate.yml'), hello);
  const { code, stderr } = await evergate(['run', '--pid-file', 'none/gateway.pid'], { cwd });
  assert.equal(
    stderr,
    'evergate: cannot write the pid file none/gateway.pid: there is no such folder\n',
  );
  assert.equal(code, 1);
});

test('what a reload is refused for is said, also when its file has gone', async (t) => {
  const gateway = await startGateway(t, `configs.auto_reload: false${hello}`);
  gateway.write('flo: []');
  const wrong = await evergate(['reload', '-c', gateway.file]);
  assert.equal(wrong.code, 1);
  assert.match(
    wrong.stderr,
    /^evergate: the reload was refused; the gateway continues unchanged\n(?:.*\n)*.*evergate\.yml:2:1: flo: unknown key "flo"; did you mean "flow"\?\n/,
  );
  rmSync(gateway.file);
  const gone = await evergate(['reload', '-c', gateway.file]);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /the reload was refused.*\n.*evergate\.yml: does not exist\n/);
  const { generation } = await gateway.status();
  assert.equal(generation, 1);
});

test('a reader that has seen enough is no fault', async () => {
  const child = spawn(process.execPath, [cli, 'explain'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [[code], said] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  assert.equal(said, '');
  assert.equal(code, 0);
});
