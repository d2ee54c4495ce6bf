/** `npm start` brings up a working gateway, and what it says to try works. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDemoBackend } from '../../scripts/demo-backend.ts';
import { ask } from '../support/clients.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

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
  // On other ports than the example's, which somebody may use.
  const folder = temporaryFolder(t);
  const config = join(folder, 'quick-start.yml');
  const example = readFileSync(join(root, 'examples/quick-start.yml'), 'utf8');
  writeFileSync(
    config,
    `path.data: ${folder}\n${example.replace(/binding: 127\.0\.0\.1:\d+/g, 'binding: 127.0.0.1:0')}`,
  );
  const demo = spawn(process.execPath, ['scripts/demo.ts'], {
    cwd: root,
    env: { ...process.env, DEMO_CONFIG: config },
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
  const [, ingest = ''] = /es_ingest +(http\S+)/.exec(output) ?? [];
  const [, search = ''] = /es_search +(http\S+)/.exec(output) ?? [];
  assert.doesNotMatch(example, /binding: (?!127\.0\.0\.1:)/, 'only this machine gets in');
  assert.match(output, /kill -HUP \d+/);
  // The commands for another terminal, as they are typed.
  const commands = [...output.matchAll(/^ +(npx evergate .*)$/gm)].map(
    ([, command = '']) => command,
  );
  assert.deepEqual(
    commands.map((command) => command.split(' ')[2]),
    ['status', 'explain'],
  );
  for (const command of commands) {
    const bin = join(root, 'scripts/evergate.js');
    const { status, stderr } = spawnSync(bin, command.split(' ').slice(2), { cwd: root });
    assert.equal(status, 0, `${command}: ${stderr.toString()}`);
  }
  assert.equal((await ask(`${search}/hello`)).body, 'hello from evergate\n');
  const document = { method: 'POST', body: '{"title":"Emma"}' };
  assert.equal((await ask(`${ingest}/books/_doc`, document)).status, 201);
  assert.match((await ask(`${search}/books/_search`)).body, /Emma/);
  demo.kill('SIGINT');
  assert.deepEqual(await exit, [0, null]);
});
