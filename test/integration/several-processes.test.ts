/** Several gateways share one address, and are restarted one after the other. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { requestControl } from '../../src/primary/control/client.ts';
import { startGateway, TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROUNDS = 10;
const CLIENTS = 8;

const configuration = (port: number): string => `
configs.auto_reload: false
entry:
  - name: main
    router: main
    network: { binding: "127.0.0.1:${port}", reuse_port: true }
    drain: { idle: 1s, timeout: 5s }
router:
  - name: main
    default_flow: hello
flow:
  - name: hello
    filter: [{ echo: { message: hello } }]
`;

/** Asks on a new connection; answers what went wrong, or null. */
function askOnce(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(60_000, () => socket.destroy(new Error('hang')));
    socket.once('connect', () => socket.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n'));
    socket.once('data', () => resolve(null));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

test('two gateways restarted in turn under a flood of new connections', async (t: TestContext) => {
  const args = ['--workers', '1'];
  const first = await startGateway(t, configuration(0), { args });
  const port = await first.port('main');
  // Another configured address would be another socket; the gateways' is the same from here on.
  const running: TestGateway[] = [await startGateway(t, configuration(port), { args })];
  running.push(await startGateway(t, configuration(port), { args }));
  await first.stop();

  let asked = 0;
  let flooding = true;
  const failures: string[] = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (flooding) {
      const failure = await askOnce(port);
      if (failure) failures.push(failure);
      asked++;
    }
  });
  for (let round = 0; round < ROUNDS; round++) {
    assert.deepEqual(await running.shift()?.stop(), { code: 0, signal: null });
    running.push(await startGateway(t, configuration(port), { args }));
  }
  flooding = false;
  await Promise.all(clients);
  t.diagnostic(`${failures.length} of ${asked} failed`);
  // The kernel resets handshakes that are under way when a socket leaves, here about one for each
  // restart; whatever was queued must be answered, and nobody may hang.
  assert.deepEqual(
    failures.filter((failure) => failure !== 'ECONNRESET'),
    [],
  );
  assert.ok(failures.length <= 3 * ROUNDS, `${failures.length} of ${asked} were reset`);
});

test('several gateways run with one configuration that allows it, and are upgraded where they are', async (t) => {
  const folder = temporaryFolder(t);
  const yaml = `allow_multi_instance: true
max_num_of_instances: 2
configs.auto_reload: false
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`;
  const options = { folder, args: ['--workers', '1'] };
  const first = await startGateway(t, yaml, options);
  const second = new TestGateway(folder, yaml, options);
  const socket = join(folder, 'data/nodes/1/evergate.sock');
  const statusOf = async () =>
    (await requestControl(socket, 'GET', '/status').catch(() => null))?.body as
      | { pid?: number }
      | undefined;
  try {
    await eventually('the second one to serve', async () => (await statusOf())?.pid === second.pid);
    assert.match(second.output, /that of this one is .*nodes\/1/);
    const third = new TestGateway(folder, yaml, options);
    assert.equal((await third.ended()).code, 1);
    assert.match(third.output, /another gateway .* uses .*nodes\/1/);
    assert.equal((await requestControl(socket, 'POST', '/reload')).status, 200);
    assert.equal((await requestControl(socket, 'POST', '/upgrade')).status, 200);
    assert.notEqual((await statusOf())?.pid, second.pid, 'another process has its place');
    assert.equal((await first.status()).pid, first.pid, 'and not that of the first');
  } finally {
    // Also what has taken its place.
    await requestControl(socket, 'POST', '/stop').catch(() => second.process.kill('SIGKILL'));
  }
});
