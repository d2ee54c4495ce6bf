import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, startGateway } from '../support/gateway.ts';

const configuration = `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - { name: f, filter: [{ set_response: { body: hello } }] }
`;

/** A control group of version 1 with one processor; null where none can be made. */
function oneProcessor(): string | null {
  const group = join('/sys/fs/cgroup/cpu', `evergate-test-${process.pid}`);
  try {
    mkdirSync(group);
    if (!existsSync(join(group, 'cpu.cfs_quota_us'))) throw new Error('not of version 1');
    writeFileSync(join(group, 'cpu.cfs_quota_us'), '100000');
    return group;
  } catch {
    return null;
  }
}

test('a quota of a control group decides how many workers there are', async (t) => {
  const group = oneProcessor();
  if (group === null) return t.skip('no control group of version 1 can be made here');
  const script = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
  const gateway = await startGateway(t, configuration, {
    wrapper: ['sh', '-c', script, 'sh'],
    args: [],
  });
  t.after(() => rmdirSync(group));
  assert.equal((await gateway.status()).workers.length, 1);
});

test('a worker that the system has killed is hinted at', async (t) => {
  const gateway = await startGateway(t, configuration);
  const [first] = (await gateway.status()).workers;
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await eventually('the hint', () =>
    /worker ended by SIGKILL, which the gateway did not send: .*out of memory; replacing it/.test(
      gateway.output,
    ),
  );
});
