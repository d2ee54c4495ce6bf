/** Connections wait in the kernel's queue while nobody accepts; none of them is turned away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';

/** More than the 511 that Node.js queues unless told otherwise. */
const COUNT = 1000;

const systemLimit = Number(readFileSync('/proc/sys/net/core/somaxconn', 'latin1'));

for (const reusePort of [true, false]) {
  test(`${COUNT} connections wait for a worker, reuse_port ${reusePort}`, async (t) => {
    if (systemLimit < COUNT) return t.skip(`net.core.somaxconn is ${systemLimit}`);
    const gateway = await startGateway(
      t,
      `
entry:
  - name: main
    router: main
    network: { binding: "127.0.0.1:0", reuse_port: ${reusePort} }
router:
  - name: main
    default_flow: hello
flow:
  - name: hello
    filter:
      - echo: { message: hello }
`,
      { args: ['--workers', '1'] },
    );
    const port = await gateway.port('main');
    const { workers } = await gateway.status();
    const worker = workers[0]?.pid ?? assert.fail('no worker');

    process.kill(worker, 'SIGSTOP');
    const sockets = Array.from({ length: COUNT }, () => connect(port, '127.0.0.1'));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    try {
      const signal = AbortSignal.timeout(120_000);
      await Promise.all(sockets.map((socket) => once(socket, 'connect', { signal })));
    } finally {
      process.kill(worker, 'SIGCONT');
    }

    const answers = await Promise.all(
      sockets.map((socket) => {
        socket.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
        return text(socket);
      }),
    );
    assert.ok(answers.every((answer) => answer.startsWith('HTTP/1.1 200 OK')));
  });
}
