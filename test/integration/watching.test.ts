import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const configuration = (body: string): string => `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - { name: f, filter: [{ set_response: { body: ${body} } }] }
`;

/** inotify_init1(0) */
const call = process.arch === 'arm64' ? 26 : 294;
/** Takes every inotify instance that its user may have, and says so. */
const hog = `$| = 1; while (syscall(${call}, 0) >= 0) {} print "all taken\\n"; <STDIN>;`;

const tools = ['perl', 'setpriv'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const skip = tools && isRoot ? false : 'needs root, perl and setpriv';

test('without events of the system, files are looked at every two seconds', { skip }, async (t) => {
  // A user of the test's own, so that nobody else is short of instances.
  const uid = 60_000 + (process.pid % 5000);
  const as = ['setpriv', `--reuid=${uid}`, '--clear-groups', '--'];
  const hogging = spawn('setpriv', [...as.slice(1), 'perl', '-e', hog]);
  t.after(() => hogging.kill());
  await once(hogging.stdout, 'data');
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o777);
  const gateway = await startGateway(t, configuration('one'), { folder, wrapper: as });
  await eventually('the warning', () =>
    /"level":"warn".*EMFILE.*checking them every 2 s/.test(gateway.output),
  );
  gateway.write(configuration('two'));
  await eventually('the change', async () => (await gateway.status()).generation === 2);
  assert.equal(gateway.output.match(/checking them every 2 s/g)?.length, 1);
});
