import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { requestControl } from '../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { cli } from '../support/program-path.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Each request logs a line of 20 KB. */
const talkative = `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - name: f
    filter:
      - echo: { message: "0123456789", repeat: 2000, response: false, logging: true }
      - set_response: { status: 200, body: hello }
      - logging: { queue_name: requests }
path.logs: LOGS
`;

/** A pipe, or a terminal, whose other end this test holds, and reads when it likes. */
class Reader {
  readonly writable: number;
  readonly #readable: number;
  text = '';

  constructor(t: TestContext, folder: string) {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    this.#readable = openSync(path, O_RDONLY | O_NONBLOCK);
    this.writable = openSync(path, O_WRONLY);
    t.after(() => {
      closeSync(this.#readable);
      closeSync(this.writable);
    });
  }

  /** Takes what there is. */
  read(): string {
    const chunk = Buffer.alloc(65_536);
    try {
      for (;;) {
        const count = readSync(this.#readable, chunk);
        if (count === 0) break;
        this.text += chunk.toString('utf8', 0, count);
      }
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
    return this.text;
  }
}

async function ask(gateway: TestGateway, origin: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  const answer = await fetch(origin, { signal, headers: { Connection: 'close' } });
  assert.equal(answer.status, 200, gateway.output);
  assert.equal(await answer.text(), 'hello');
}

async function lostLines(gateway: TestGateway): Promise<number> {
  const { lostLines: lost } = await gateway.status();
  return lost['stdout'] ?? 0;
}

async function withUnreadOutput(
  t: TestContext,
  stdout: 'pipe' | 'socket',
): Promise<{ gateway: TestGateway; reader: Reader | null; origin: string }> {
  const folder = temporaryFolder(t);
  const reader = stdout === 'pipe' ? new Reader(t, folder) : null;
  const gateway = await startGateway(t, talkative.replace('LOGS', folder), {
    folder,
    ...(reader && { stdout: reader.writable }),
  });
  gateway.process.stdout?.pause();
  return { gateway, reader, origin: await gateway.origin('e') };
}

for (const kind of ['pipe', 'socket'] as const) {
  test(`a ${kind} as standard output that nobody reads stops nothing`, async (t) => {
    const { gateway, reader, origin } = await withUnreadOutput(t, kind);
    const loseLines = async (): Promise<void> => {
      const before = await lostLines(gateway);
      await eventually('lines to be lost', async () => {
        await Promise.all(Array.from({ length: 10 }, () => ask(gateway, origin)));
        return (await lostLines(gateway)) > before;
      });
    };
    await loseLines();
    // The primary and what it starts are not stopped either.
    const reloaded = await gateway.reload();
    assert.equal(reloaded.status, 200);
    const [first] = (await gateway.status()).workers;
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await eventually('the worker to be replaced', async () => {
      const { workers } = await gateway.status();
      return (
        workers.length === 2 &&
        workers.every(({ pid, stage }) => pid !== first?.pid && stage === 'ready')
      );
    });
    await loseLines();
    if (reader) {
      await eventually('the loss to be reported', () => / log lines were lost/.test(reader.read()));
      const before = await lostLines(gateway);
      await ask(gateway, origin);
      reader.read();
      assert.equal(await lostLines(gateway), before, 'lines are written on');
    }
    gateway.process.kill('SIGTERM');
    if (!reader) {
      const began = performance.now();
      await gateway.ended();
      assert.ok(performance.now() - began < 30_000);
      return;
    }
    await eventually('the last line', () => /"message":"stopped"/.test(reader.read()));
  });
}

test('a pipe as standard output blocks as before for others that have it', async (t) => {
  const folder = temporaryFolder(t);
  const reader = new Reader(t, folder);
  const gateway = await startGateway(t, talkative.replace('LOGS', folder), {
    folder,
    stdout: reader.writable,
  });
  await ask(gateway, await gateway.origin('e'));
  const { 1: flags = '' } =
    /^flags:\s*(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${reader.writable}`, 'utf8')) ?? [];
  assert.equal(Number.parseInt(flags, 8) & constants.O_NONBLOCK, 0);
});

test('a terminal shows lines for people', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'e.yml');
  await writeFile(file, `path.data: ${folder}/data\n${talkative.replace('LOGS', folder)}`);
  const command = `exec ${process.execPath} ${cli} run -w 1 -c ${file}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const shown = text(child.stdout);
  const pid = await eventually('the gateway to serve', async () => {
    const path = join(folder, 'data', 'evergate.sock');
    const answer = await requestControl(path, 'GET', '/status').catch(() => null);
    return answer?.status === 200 ? (answer.body as GatewayStatus).pid : 0;
  });
  process.kill(pid, 'SIGTERM');
  assert.match(await shown, /INFO[^]*listening: e on http:[^]*stopped/);
});

test('the metrics count lost lines', async (t) => {
  const folder = temporaryFolder(t);
  const gateway = await startGateway(
    t,
    `${talkative.replace('LOGS', folder)}api: { enabled: true, network: { binding: '127.0.0.1:0' } }\n`,
  );
  const { api } = await gateway.status();
  const answer = await fetch(`http://${api?.address}/metrics`);
  assert.match(await answer.text(), /^evergate_log_lines_lost_total\{log="stdout"\} 0$/m);
});
