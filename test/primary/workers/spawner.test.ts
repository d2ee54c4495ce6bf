import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WorkerForks } from '../../../src/primary/workers/spawner.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('workers started ahead are taken first; one that died is not, and what is left ends', async (t) => {
  const program = join(temporaryFolder(t), 'worker.mjs');
  writeFileSync(program, `process.on('message', () => {}); process.send({ type: 'online' });`);
  const forks = new WorkerForks(program);
  t.after(() => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
  });
  forks.prepare(3);
  const [dead, first, left] = Object.values(cluster.workers ?? {});
  assert.ok(dead && first && left);
  await Promise.all([dead, first, left].map((worker) => once(worker, 'message')));
  dead.process.kill('SIGKILL');
  await once(dead, 'exit');
  assert.deepEqual(forks.take(), { worker: first, online: true });

  forks.close();
  await once(left, 'exit');
  const { worker, online } = forks.take();
  assert.equal(online, false);
  assert.notEqual(worker, first);
});
