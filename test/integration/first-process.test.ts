/** The gateway as the first process of a container, here of a process namespace. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { once } from 'node:events';
import { requestControl } from '../../src/primary/control/client.ts';
import { eventually } from '../support/eventually.ts';
import { cli } from '../support/program-path.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const namespace = ['--pid', '--fork', '--mount-proc', '--kill-child'];

function canUnshare(): boolean {
  try {
    execFileSync('unshare', [...namespace, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Processes whose parent this is, with their states. */
function childrenOf(parent: number): { pid: number; state: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state = '', ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(ppid) === parent ? [{ pid: Number(name), state }] : [];
    } catch {
      return [];
    }
  });
}

test('as the first process it waits for processes without a parent, and passes signals on', {
  skip: !canUnshare(),
}, async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'evergate.yml');
  writeFileSync(
    file,
    `path.data: ${join(folder, 'data')}
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`,
  );
  const outer = spawn(
    'unshare',
    [...namespace, process.execPath, cli, 'run', '-w', '1', '-c', file],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  t.after(() => outer.kill('SIGKILL'));
  let output = '';
  for (const stream of [outer.stdout, outer.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  await eventually('the gateway to serve', () => output.includes('listening'));
  const [first] = childrenOf(outer.pid ?? 0);
  const init = first?.pid ?? assert.fail('no first process');

  // As an exec probe does: what it starts outlives it.
  const probe = ['-t', `${init}`, '--pid', '--mount', 'sh', '-c', '(sleep 0.1 & sleep 0.1 &)'];
  execFileSync('nsenter', probe);
  await eventually('only the gateway to be left', () => childrenOf(init).length === 1);

  const socket = join(folder, 'data', 'evergate.sock');
  const { status, body } = await requestControl(socket, 'POST', '/upgrade');
  assert.equal(status, 409);
  assert.match(JSON.stringify(body), /first process of its container/);
  process.kill(init, 'SIGTERM');
  const [code] = (await once(outer, 'exit')) as [number];
  assert.equal(code, 0);
  assert.match(output, /"stopped"/);
  assert.doesNotMatch(output, /Warning/);
});
