/** `npm start` brings up a working gateway, and what it says to try works. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDemoBackend } from '../../scripts/demo-backend.ts';
import { ask } from '../harness/clients.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the demo backend indexes, finds and bulk loads', async (t) => {
  const { origin, server } = await startDemoBackend();
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const created = await ask(`${origin}/books/_doc/1`, { method: 'PUT', body: '{"title":"Emma"}' });
  assert.equal(created.status, 201);
  const bulk = '{"index":{"_index":"books"}}\n{"title":"Persuasion"}\n';
  assert.equal((await ask(`${origin}/_bulk`, { method: 'POST', body: bulk })).status, 200);
  const found = JSON.parse((await ask(`${origin}/books/_search`)).body);
  assert.equal(found.hits.total.value, 2);
  assert.equal((await ask(`${origin}/books/_doc/9`)).status, 404);
  assert.equal((await ask(`${origin}/_bulk`, { method: 'POST', body: 'nonsense' })).status, 400);
});

test('npm start says what to try, and stops on one signal', async (t) => {
  // Its ports are fixed, so it runs only where they are free.
  const demo = spawn(process.execPath, ['scripts/demo.ts'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => demo.kill('SIGTERM'));
  let output = '';
  for (const stream of [demo.stdout, demo.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const exit = once(demo, 'exit');
  while (!output.includes('Ctrl-C stops it') && demo.exitCode === null) {
    await Promise.race([once(demo.stdout, 'data'), exit]);
  }
  if (output.includes('EADDRINUSE') || output.includes('in use')) {
    t.skip('a port of the demo is taken on this machine');
    return;
  }
  assert.match(output, /kill -HUP \d+/);
  assert.equal((await ask('http://127.0.0.1:9000/hello')).body, 'hello from evergate\n');
  const document = { method: 'POST', body: '{"title":"Emma"}' };
  assert.equal((await ask('http://127.0.0.1:8000/books/_doc', document)).status, 201);
  assert.match((await ask('http://127.0.0.1:9000/books/_search')).body, /Emma/);
  demo.kill('SIGINT');
  assert.deepEqual(await exit, [0, null]);
});
