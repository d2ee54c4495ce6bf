/** Launch to first answer, reload, and resident memory of an idle contestant with two workers. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contestant, Setting } from './contestants.ts';
import { end, processTree, residentMemory, start } from './processes.ts';

export interface Startup {
  readonly contestant: string;
  /** Launch to the first answer, ms: the median of five. */
  readonly start: number;
  /** Signal to the last of the old workers replaced, ms; NaN where there is no such signal. */
  readonly reload: number;
  /** Resident memory of each process, MB, largest first. */
  readonly memory: readonly number[];
}

const ROUNDS = 5;

export async function measureStartup(
  contestant: Contestant,
  setting: (contestant: Contestant, workers: number) => Promise<Setting>,
): Promise<Startup> {
  const starts: number[] = [];
  const reloads: number[] = [];
  let memory: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const own = await setting(contestant, 2);
    const command = contestant.prepare(own);
    const begun = performance.now();
    const child = start(command);
    try {
      await firstAnswer(own.port);
      starts.push(performance.now() - begun);
      await sleep(1500);
      memory = residentMemory(child.pid ?? 0).sort((a, b) => b - a);
      if (contestant.reload) reloads.push(await reloaded(child.pid ?? 0, contestant.reload));
    } finally {
      await end(child);
    }
  }
  return {
    contestant: contestant.name,
    start: median(starts),
    reload: reloads.length > 0 ? median(reloads) : Number.NaN,
    memory,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

async function firstAnswer(port: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answered = await new Promise<boolean>((resolve) => {
      request({ port, path: '/bench/small', agent: false }, (response) => {
        response.resume().once('end', () => resolve(true));
      })
        .once('error', () => resolve(false))
        .end();
    });
    if (answered) return;
    if (Date.now() > deadline) throw new Error('no answer after 15 s');
    await sleep(2);
  }
}

/** Milliseconds until none of the processes below the first is one of those before the signal. */
async function reloaded(pid: number, signal: NodeJS.Signals): Promise<number> {
  const before = processTree(pid).slice(1);
  const begun = performance.now();
  process.kill(pid, signal);
  while (processTree(pid).some((each) => before.includes(each))) {
    if (performance.now() - begun > 15_000) return Number.NaN;
    await sleep(5);
  }
  return performance.now() - begun;
}
