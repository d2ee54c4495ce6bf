/** What systemd is told, by a program in place of its own. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requestControl } from '../../src/primary/control/client.ts';
import { eventually, startGateway, temporaryFolder, type TestGateway } from '../support/gateway.ts';

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
  assert.deepEqual(lines(), [`--pid=${first} READY=1`]);

  assert.equal((await requestControl(gateway.socket, 'POST', '/upgrade')).status, 200);
  const { pid } = await gateway.status();
  assert.deepEqual(lines().slice(1), [`--pid=${pid} READY=1`], 'before the first process ends');
  await gateway.ended();

  assert.equal((await requestControl(gateway.socket, 'POST', '/stop')).status, 200);
  await eventually('its end', () => !isAlive(pid));
  await eventually('the last news', () => lines().length === 3);
  assert.equal(lines()[2], `--pid=${pid} STOPPING=1`);
});

test('a systemd-notify that is not there harms nothing', async (t) => {
  const gateway = await startGateway(t, hello, { env: { PATH: '/nowhere', NOTIFY_SOCKET: 'x' } });
  await eventually('a warning', () => gateway.output.includes('systemd was not told READY=1'));
  assert.equal((await gateway.stop()).code, 0);
});
