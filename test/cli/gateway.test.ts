import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { evergate } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const config = (filter: string) => `
path.data: data
configs.auto_reload: false
workers: 1
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow:
  - name: main
    filter:
      - ${filter}: { message: "hello" }
`;

interface Status {
  readonly pid: number;
  readonly generation: number;
  readonly entries: readonly { readonly addresses: readonly string[] }[];
}

test('run, status, reload and stop work together', async (context) => {
  const cwd = temporaryFolder(context);
  const file = join(cwd, 'evergate.yml');
  writeFileSync(file, config('echo'));
  const running = evergate(['run', '--pid-file', 'gateway.pid'], { cwd });
  const statusNow = () => evergate(['status', '--json', '-c', file]);

  const deadline = performance.now() + 120_000;
  let answer = await statusNow();
  while (answer.code !== 0) {
    assert.ok(performance.now() < deadline, answer.stderr);
    await sleep(50);
    answer = await statusNow();
  }
  const status = JSON.parse(answer.stdout) as Status;
  assert.equal(status.generation, 1);
  assert.equal(Number(readFileSync(join(cwd, 'gateway.pid'), 'utf8')), status.pid);
  const response = await fetch(`http://${status.entries[0]?.addresses[0]}/`);
  assert.equal(await response.text(), 'hello');

  const shown = await evergate(['status'], { cwd });
  assert.match(shown.stdout, /^ {2}main +http +127\.0\.0\.1:0/m);

  const reloaded = await evergate(['reload'], { cwd });
  assert.equal(reloaded.stdout, 'reloaded: generation 2\n');
  assert.equal(reloaded.code, 0);

  writeFileSync(file, config('ehco'));
  const refused = await evergate(['reload'], { cwd });
  assert.match(refused.stderr, /evergate\.yml:10:9: .*did you mean "echo"\?/);
  assert.equal(refused.code, 1);

  const stopped = await evergate(['stop', '--socket', join(cwd, 'data/evergate.sock')]);
  assert.equal(stopped.code, 0, stopped.stderr);
  const outcome = await running;
  assert.equal(outcome.code, 0, outcome.stderr);
});
