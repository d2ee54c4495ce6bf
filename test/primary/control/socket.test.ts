import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Control } from '../../../src/primary/control/socket.ts';
import { requestControl } from '../../../src/primary/control/client.ts';
import { ask, entry, launch, start } from '../../support/primary-gateway.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const routes = { 'GET /pid': () => ({ status: 200, body: { pid: process.pid } }) };

test('the control socket and its folder are for this user alone', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  assert.equal(statSync(gateway.socket).mode & 0o777, 0o600);
  assert.equal(statSync(gateway.data).mode & 0o777, 0o700);
});

test('a second gateway on the same data is refused and harms nothing', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  const second = launch(t, { entry: [entry('a')] }, { folder: gateway.folder });
  assert.equal((await second.exit()).code, 1);
  assert.match(second.output, new RegExp(`ALREADY_RUNNING: .*process ${gateway.pid}`));
  assert.equal((await ask(await gateway.port('a'))).status, 200);
});

test('what a killed gateway left behind is replaced', async (t) => {
  const folder = temporaryFolder(t);
  const pidFile = join(folder, 'gateway.pid');
  const killed = await start(t, { entry: [entry('a')] }, { folder, pidFile });
  assert.equal(readFileSync(pidFile, 'utf8'), `${killed.pid}\n`);
  killed.process.kill('SIGKILL');
  await killed.exit();
  assert.ok(existsSync(killed.socket));
  const next = await start(t, { entry: [entry('a')] }, { folder, pidFile });
  assert.equal((await next.status()).pid, next.pid);
  assert.equal(readFileSync(pidFile, 'utf8'), `${next.pid}\n`);
  await next.stop();
  assert.ok(!existsSync(pidFile));
  assert.ok(!existsSync(next.socket));
});

test('a pid file of a live gateway is refused, one of another process replaced', async (t) => {
  const folder = temporaryFolder(t);
  const pidFile = join(folder, 'gateway.pid');
  writeFileSync(pidFile, `${process.pid}\n`);
  const gateway = await start(t, { entry: [entry('a')] }, { pidFile });
  const second = launch(t, { entry: [entry('a')] }, { pidFile });
  assert.equal((await second.exit()).code, 1);
  assert.match(second.output, /ALREADY_RUNNING/);
  assert.equal(readFileSync(pidFile, 'utf8'), `${gateway.pid}\n`);
});

test('of gateways that start at once on stale data exactly one gets it', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'evergate.sock');
  const stale = await Control.open(path, routes);
  await stale.close();
  writeFileSync(path, '');
  const opened = await Promise.allSettled([1, 2].map(() => Control.open(path, routes)));
  t.after(async () => {
    for (const one of opened) if (one.status === 'fulfilled') await one.value.close();
  });
  assert.equal(opened.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('a socket path longer than the system takes still works', async (t) => {
  const folder = join(temporaryFolder(t), 'd'.repeat(120));
  mkdirSync(folder);
  const path = join(folder, 'evergate.sock');
  const before = process.cwd();
  const control = await Control.open(path, routes);
  t.after(() => control.close());
  assert.deepEqual((await requestControl(path, 'GET', '/pid')).body, { pid: process.pid });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(process.cwd(), before);
});

test('a gateway that does not run is said so', async (t) => {
  const path = join(temporaryFolder(t), 'evergate.sock');
  await assert.rejects(requestControl(path, 'GET', '/status'), { code: 'NOT_RUNNING' });
});

test('what nobody serves is 404', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  assert.equal((await requestControl(gateway.socket, 'GET', '/other')).status, 404);
});
