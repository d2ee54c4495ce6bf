import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { launchGateway, startBackend, startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

const skip =
  spawnSync('prlimit', ['--version']).status === 0 ? false : 'prlimit is not available here';
const limited = (most: number): readonly string[] => ['prlimit', `--nofile=${most}:${most}`];

function configuration(port: number): string {
  return `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - { name: f, filter: [{ elasticsearch: { elasticsearch: c } }] }
elasticsearch:
  - { name: c, endpoint: 'http://127.0.0.1:${port}' }
`;
}

/** Clients that connect and ask nothing. */
function idleClients(t: TestContext, port: number, count: number): Socket[] {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => {});
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

async function ask(origin: string): Promise<number> {
  const headers = { Connection: 'close' };
  const answer = await fetch(origin, { headers, signal: AbortSignal.timeout(20_000) });
  await answer.arrayBuffer();
  return answer.status;
}

test('idle clients make room for others, and no node is blamed', { skip }, async (t) => {
  // Each request needs a connection of its own to the node.
  const backend = await startBackend(t, (_request, response) => {
    response.setHeader('Connection', 'close').end('ok');
  });
  const gateway = await startGateway(t, configuration(backend.port), {
    wrapper: limited(200),
    args: ['--workers', '1'],
  });
  assert.match(
    gateway.output,
    /"level":"warn".*RLIMIT_NOFILE is 200 file descriptors, and a worker may need/,
  );
  const port = await gateway.port('e');
  const sockets = idleClients(t, port, 400);
  await eventually('idle clients to be closed', () =>
    sockets.some(({ readableEnded, destroyed }) => readableEnded || destroyed),
  );
  const statuses = new Set<number>();
  for (let round = 0; round < 10; round++) {
    const asked = Array.from({ length: 10 }, () => ask(`http://127.0.0.1:${port}`));
    for (const status of await Promise.all(asked)) statuses.add(status);
  }
  assert.deepEqual(statuses, new Set([200]), gateway.output);
  assert.match(gateway.output, /"level":"warn".*file descriptors run out/);
  assert.doesNotMatch(gateway.output, /left out/);
  const { clusters } = await gateway.status();
  assert.equal(clusters[0]?.nodes[0]?.failures, 0);
});

test('a gateway that could not run says so', { skip }, async (t) => {
  const gateway = launchGateway(t, configuration(1), { wrapper: limited(40) });
  const { code } = await gateway.ended();
  assert.equal(code, 1);
  assert.match(gateway.output, /RLIMIT_NOFILE is 40 file descriptors; a gateway needs at least 64/);
});
