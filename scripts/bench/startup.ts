/** Launch to first answer, reload, and resident memory of an idle contestant with two workers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { memory, processorTime, processTree } from '../proc.ts';
import type { Contestant } from './contestants.ts';
import { answers, end, start } from './processes.ts';
import { median } from './report.ts';
import type { Stage } from './stage.ts';

/** Medians over the rounds. */
export interface Startup {
  readonly contestant: string;
  /** Launch to the first answer, ms. */
  readonly start: number;
  /** Processor time of all its processes until then, ms. */
  readonly processor: number;
  /** Signal to the last of the old workers gone, ms; NaN where there is no such signal. */
  readonly reload: number;
  /** Resident memory of a worker, or of the only process, MB. */
  readonly worker: number;
  /** Of all processes, with pages that they share counted once, MB. */
  readonly whole: number;
}

/** How long a contestant is left alone before its memory counts, ms. */
const settling = 2500;

export async function measureStartups(
  contestants: readonly Contestant[],
  stage: Stage,
  rounds: number,
  progress: (line: string) => void,
): Promise<Startup[]> {
  const all = contestants.map((contestant) => ({ contestant, runs: [] as Startup[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { contestant, runs } of all) {
      const run = await measureOnce(contestant, stage);
      runs.push(run);
      progress(
        `round ${round} of ${rounds}: ${run.contestant}: ${run.start.toFixed(0)} ms, reload ${run.reload.toFixed(0)} ms, ${run.worker.toFixed(0)} MB`,
      );
    }
  }
  return all.map(({ contestant: { name }, runs }) => ({
    contestant: name,
    start: median(runs.map((run) => run.start)),
    processor: median(runs.map((run) => run.processor)),
    reload: median(runs.map((run) => run.reload)),
    worker: median(runs.map((run) => run.worker)),
    whole: median(runs.map((run) => run.whole)),
  }));
}

async function measureOnce(contestant: Contestant, stage: Stage): Promise<Startup> {
  const own = await stage.setting(contestant.name, 2);
  const command = contestant.prepare(own);
  const begun = performance.now();
  const child = start(command);
  const pid = child.pid ?? 0;
  try {
    while (!(await answers(own.port, '/bench/small'))) {
      if (performance.now() - begun > 15_000) throw new Error(`${contestant.name} does not answer`);
      await sleep(2);
    }
    const took = performance.now() - begun;
    const processor = processorTime(pid) * 1000;
    await sleep(settling);
    const each = processTree(pid).map(memory);
    const workers = each.length > 1 ? each.slice(1) : each;
    return {
      contestant: contestant.name,
      start: took,
      processor,
      worker: Math.max(...workers.map(({ resident }) => resident)),
      whole: each.reduce((sum, { proportional }) => sum + proportional, 0),
      reload: contestant.reload ? await reloaded(pid, contestant.reload) : Number.NaN,
    };
  } finally {
    await end(child);
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
