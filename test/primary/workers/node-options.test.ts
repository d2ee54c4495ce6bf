import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  heapMegabytes,
  nodeOptions,
  successorOptions,
  workerOptions,
} from '../../../src/primary/workers/node-options.ts';
import { ask } from '../../support/clients.ts';
import { launchGateway } from '../../support/gateway.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hello = `
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: "hello" } }] }]
`;

test('options keep their values, and those for one process alone are left out with theirs', () => {
  for (const [given, passed] of [
    [[], []],
    [
      ['--import', './hook.mjs', '--max-old-space-size=100', '-r', 'a', '-C', 'custom'],
      ['--import', './hook.mjs', '--max-old-space-size=100', '-r', 'a', '-C', 'custom'],
    ],
    [
      ['--import', './hook.mjs', '--input-type=module', '-e', 'run()'],
      ['--import', './hook.mjs'],
    ],
    [
      ['--eval', 'run()', '--conditions', 'custom'],
      ['--conditions', 'custom'],
    ],
    [
      ['--inspect=9229', '--inspect-port', '9230', '--watch-path', 'src', '--no-warnings'],
      ['--no-warnings'],
    ],
  ] as const) {
    assert.deepEqual(nodeOptions(given), passed, given.join(' '));
  }
});

test('workers have options of ours, which others go before', () => {
  const ours = ['--disable-sigusr1', '--no-async-context-frame', '--v8-pool-size=1'];
  assert.deepEqual(workerOptions([], ''), ours);
  assert.deepEqual(workerOptions(['--v8-pool-size=3'], ''), [...ours, '--v8-pool-size=3']);
  assert.deepEqual(workerOptions([], '--no-warnings --v8-pool-size=3'), ours.slice(0, 2));
  const others = ours.filter((option) => option !== '--no-async-context-frame');
  assert.deepEqual(workerOptions([], '--async-context-frame'), others);
});

test('a program that takes the place of this one is told once to open no debugger', () => {
  assert.deepEqual(successorOptions(['--no-warnings']), ['--disable-sigusr1', '--no-warnings']);
  assert.deepEqual(successorOptions(['--disable-sigusr1']), ['--disable-sigusr1']);
});

test('USR1 opens no debugger, neither in the primary nor in workers', async (t) => {
  const gateway = launchGateway(t, hello, { args: ['--workers', '1'] });
  await gateway.ready();
  const { pid, workers } = await gateway.status();
  const all = [pid, ...workers.map((worker) => worker.pid)];
  for (const each of all) process.kill(each, 'SIGUSR1');
  assert.equal((await ask(await gateway.origin('main'))).body, 'hello');
  assert.deepEqual((await gateway.status()).workers[0]?.pid, workers[0]?.pid);
  assert.doesNotMatch(gateway.output, /Debugger listening/);
});

test('workers get them', async (t) => {
  const hook = join(temporaryFolder(t), 'hook.mjs');
  writeFileSync(hook, 'console.error(`hooked ${process.pid}.`);');
  const gateway = launchGateway(t, hello, {
    nodeOptions: ['--conditions', 'custom', '--import', hook],
    args: ['--workers', '1'],
  });
  await gateway.ready();
  assert.equal((await ask(await gateway.origin('main'))).body, 'hello');
  const { pid, workers } = await gateway.status();
  for (const each of [pid, ...workers.map((worker) => worker.pid)]) {
    await eventually('its hook', () => gateway.output.includes(`hooked ${each}.`));
  }
});

test('heaps of workers share half of what a control group allows', () => {
  const [mb, gb] = [2 ** 20, 2 ** 30];
  const machine = { total: 16 * gb, byDefault: 4 * gb, workers: 2 };
  assert.equal(heapMegabytes({ ...machine, constrained: 0 }), null);
  assert.equal(heapMegabytes({ ...machine, constrained: 2 ** 63 }), null);
  assert.equal(heapMegabytes({ ...machine, constrained: gb }), 256);
  assert.equal(heapMegabytes({ ...machine, constrained: gb, byDefault: 200 * mb }), null);
  assert.equal(heapMegabytes({ ...machine, constrained: 100 * mb }), 64);
});
