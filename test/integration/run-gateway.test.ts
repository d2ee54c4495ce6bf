/** A gateway that a program runs, in place of the command line. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requestControl } from '../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { ask } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a program runs a gateway, and goes on when it has ended', async (t) => {
  const folder = temporaryFolder(t);
  const config = join(folder, 'evergate.yml');
  writeFileSync(
    config,
    `
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`,
  );
  const index = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  const program = `
    import { GatewayError, runGateway } from ${JSON.stringify(index)};
    const refused = await runGateway({ config: 'none.yml' }).catch((error) => error);
    console.log(refused instanceof GatewayError, refused.code);
    await runGateway({ config: ${JSON.stringify(config)}, workers: 1, logLevel: 'error' });
    console.log('ended');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const exit = once(child, 'exit');
  const socket = join(folder, 'data', 'evergate.sock');
  const status = await eventually('the gateway to serve', async () => {
    assert.equal(child.exitCode, null, output);
    const answer = await requestControl(socket, 'GET', '/status').catch(() => null);
    return answer?.status === 200 ? (answer.body as GatewayStatus) : null;
  });
  assert.equal(status.workers.length, 1);
  assert.equal((await ask(`http://${status.entries[0]?.addresses[0]}/`)).body, 'hello');
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null], output);
  assert.equal(output, 'true CONFIG_INVALID\nended\n');
});
