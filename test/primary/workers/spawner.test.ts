import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WorkerSpawner } from '../../../src/primary/workers/spawner.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('workers started ahead are taken first; one that died is not, and what is left ends', async (t) => {
  const program = join(temporaryFolder(t), 'worker.mjs');
  writeFileSync(program, `process.on('message', () => {}); process.send({ type: 'online' });`);
  const spawner = new WorkerSpawner(program);
  t.after(() => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
  });
  spawner.prepare(3);
  const [dead, first, left] = Object.values(cluster.workers ?? {});
  assert.ok(dead && first && left);
  await Promise.all([dead, first, left].map((worker) => once(worker, 'message')));
  dead.process.kill('SIGKILL');
  await once(dead, 'exit');
  assert.deepEqual(spawner.spawn(), { worker: first, online: true });

  spawner.close();
  await once(left, 'exit');
  const { worker, online } = spawner.spawn();
  assert.equal(online, false);
  assert.notEqual(worker, first);
});
