import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

const configuration = `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - name: f
    filter:
      - if: { equals: { _ctx.request.body_json.a: 1 } }
        then: [{ set_response: { body: one } }]
        else: [{ set_response: { body: other } }]
`;

/** A gateway in a control group of version 1 with that limit; null where none can be made. */
async function startWithin(
  t: TestContext,
  limit: { controller: string; file: string; value: number },
  args: readonly string[],
): Promise<TestGateway | null> {
  const name = `evergate-test-${process.pid}-${limit.controller}`;
  const group = join('/sys/fs/cgroup', limit.controller, name);
  try {
    mkdirSync(group);
    if (!existsSync(join(group, limit.file))) throw new Error('not of version 1');
    writeFileSync(join(group, limit.file), `${limit.value}`);
  } catch {
    t.skip('no control group of version 1 can be made here');
    return null;
  }
  const script = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
  const gateway = await startGateway(t, configuration, {
    wrapper: ['sh', '-c', script, 'sh'],
    args,
  });
  t.after(() => eventually('the last process to have gone', () => removed(group)));
  return gateway;
}

function removed(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}

test('a quota of a control group decides how many workers there are', async (t) => {
  const quota = { controller: 'cpu', file: 'cpu.cfs_quota_us', value: 100_000 };
  const gateway = await startWithin(t, quota, []);
  if (gateway !== null) assert.equal((await gateway.status()).workers.length, 1);
});

test('bodies in memory leave a small control group alive', async (t) => {
  const memory = { controller: 'memory', file: 'memory.limit_in_bytes', value: 300 << 20 };
  const gateway = await startWithin(t, memory, ['--workers', '2']);
  if (gateway === null) return;
  const origin = await gateway.origin('e');
  const body = Buffer.alloc(100_000_000, ' ');
  const post = async (): Promise<number> => {
    const signal = AbortSignal.timeout(60_000);
    return (await fetch(origin, { method: 'POST', body, signal })).status;
  };
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, post));
  for (const outcome of outcomes) {
    // A client that sends on may miss the answer.
    if (outcome.status === 'fulfilled') assert.equal(outcome.value, 503);
  }
  const small = await fetch(origin, { method: 'POST', body: '{"a":1}' });
  assert.equal(await small.text(), 'one');
  assert.equal((await gateway.status()).crashes, 0, gateway.output);
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
