/** What systemd is told, by a program in place of its own. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requestControl } from '../../src/primary/control/client.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hello = `
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('systemd learns that the gateway serves, which process it is, and that it stops', async (t) => {
  let gateway: TestGateway | null = null;
  t.after(() => gateway && requestControl(gateway.socket, 'POST', '/stop').catch(() => null));
  const folder = temporaryFolder(t);
  const [program, told] = [join(folder, 'systemd-notify'), join(folder, 'told')];
  writeFileSync(program, `#!/bin/sh\necho "$@" >> '${told}'\n`);
  chmodSync(program, 0o755);
  const lines = (): string[] =>
    existsSync(told) ? readFileSync(told, 'utf8').trim().split('\n') : [];
  const env = { PATH: `${folder}:${process.env['PATH']}`, NOTIFY_SOCKET: join(folder, 'notify') };
  gateway = await startGateway(t, hello, { env });
  const first = gateway.pid;
  await eventually('the news', () => lines().length === 1);
  assert.deepEqual(lines(), [`--pid=${first} READY=1 STATUS=serving generation 1`]);

  assert.equal((await requestControl(gateway.socket, 'POST', '/upgrade')).status, 200);
  const { pid } = await gateway.status();
  assert.deepEqual(
    lines().slice(1),
    [`--pid=${pid} READY=1 STATUS=serving generation 2`],
    'before the first process ends',
  );
  await gateway.ended();

  assert.equal((await requestControl(gateway.socket, 'POST', '/stop')).status, 200);
  await eventually('its end', () => !isAlive(pid));
  await eventually('the last news', () => lines().length === 3);
  assert.equal(lines()[2], `--pid=${pid} STOPPING=1 STATUS=finishing connections`);
});

test('systemd learns of reloads, and whether the gateway serves', async (t) => {
  const folder = temporaryFolder(t);
  const [program, told] = [join(folder, 'systemd-notify'), join(folder, 'told')];
  writeFileSync(program, `#!/bin/sh\necho "$@" >> '${told}'\n`);
  chmodSync(program, 0o755);
  const lines = (of: string): string[] =>
    readFileSync(told, 'utf8')
      .split('\n')
      .filter((line) => line.includes(of));
  const env = {
    PATH: `${folder}:${process.env['PATH']}`,
    NOTIFY_SOCKET: join(folder, 'notify'),
    WATCHDOG_USEC: '400000',
  };
  const gateway = await startGateway(t, `${hello}\nsupervision.heartbeat_timeout: 1s`, { env });
  await eventually('signs of life', () => lines('WATCHDOG=1').length > 2);
  assert.equal((await gateway.reload()).status, 200);
  await eventually('the end of the reload', () => lines('READY=1').length === 2);
  assert.match(lines('RELOADING=1').join(), /RELOADING=1 MONOTONIC_USEC=\d+$/);
  assert.match(lines('READY=1')[1] ?? '', /STATUS=serving generation 2$/);

  // Nobody serves: whatever the workers are replaced by is stopped, too.
  const stop = async (): Promise<void> => {
    for (const { pid } of (await gateway.status()).workers) process.kill(pid, 'SIGSTOP');
  };
  await stop();
  await eventually('the end of service', async () => {
    await stop();
    return (await gateway.status()).not_ready !== null;
  });
  const before = lines('WATCHDOG=1').length;
  await eventually('service', async () => (await gateway.status()).not_ready === null);
  // One may have been on its way.
  assert.ok(lines('WATCHDOG=1').length <= before + 1);
  await eventually('signs of life', () => lines('WATCHDOG=1').length > before + 1);
});

test('a systemd-notify that is not there harms nothing', async (t) => {
  const gateway = await startGateway(t, hello, { env: { PATH: '/nowhere', NOTIFY_SOCKET: 'x' } });
  await eventually('a warning', () =>
    gateway.output.includes('systemd was not notified of READY=1'),
  );
  assert.equal((await gateway.stop()).code, 0);
});
