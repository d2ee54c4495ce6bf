/** Rounds of load: contestants take turns, because a machine drifts more between minutes than they differ. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processorTime } from '../proc.ts';
import { drive, type Load, type Outcome } from './load.ts';

/** Something that runs, and the load on it. */
export interface Turn {
  readonly name: string;
  readonly pid: number;
  readonly ports: { readonly port: number; readonly tlsPort: number };
  readonly load: Load;
  /** Processors of the load (a taskset list); any when undefined. */
  readonly cpus: string | undefined;
}

export interface Run extends Outcome {
  /** µs of processor time a request. */
  readonly cost: number;
}

export interface Plan {
  readonly rounds: number;
  /** Seconds of load a turn. */
  readonly seconds: number;
  /** Seconds of load at most before a contestant's turns count. */
  readonly warmUp: number;
  /** Whether a proxy with one worker has a processor for itself, and load and backends another. */
  readonly pinned: boolean;
  /** For files of the load. */
  readonly folder: string;
  /** Told of each turn: what it came to, and how many seconds it took. */
  progress(line: string): void;
}

/** Processors of a proxy and of its load (taskset lists); any where undefined. */
export function processors({ pinned }: Plan, workers: number): { proxy?: string; load?: string } {
  return pinned && workers === 1 ? { proxy: '0', load: '1' } : {};
}

/** Requests after which compilers have seen enough: on a busy machine seconds alone say little. */
const warm = 400_000;

/** Runs of each turn by its name, one for each round. */
export async function takeTurns(turns: readonly Turn[], plan: Plan): Promise<Map<string, Run[]>> {
  const runs = new Map<string, Run[]>(turns.map(({ name }) => [name, []]));
  for (const turn of turns) {
    plan.progress(`${turn.name}: warming up`);
    const until = performance.now() + plan.warmUp * 1000;
    for (let requests = 0; requests < warm && performance.now() < until; ) {
      requests += (await drive(turn.load, turn.ports, 1, turn.cpus, plan.folder)).requests;
    }
  }
  for (let round = 1; round <= plan.rounds; round++) {
    // In both directions by turns: nobody always comes after the one that leaves most to clear away.
    for (const turn of round % 2 === 1 ? turns : turns.toReversed()) {
      const run = await measure(turn, plan);
      runs.get(turn.name)?.push(run);
      const { cost, requests, errors, p99 } = run;
      const counts = `${requests} requests${errors > 0 ? `, ${errors} ERRORS` : ''}`;
      plan.progress(
        `round ${round} of ${plan.rounds}: ${turn.name}: ${cost.toFixed(1)} µs a request, p99 ${p99.toFixed(1)} ms, ${counts}`,
      );
    }
  }
  return runs;
}

async function measure(turn: Turn, { seconds, folder }: Plan): Promise<Run> {
  const before = processorTime(turn.pid);
  const outcome = await drive(turn.load, turn.ports, seconds, turn.cpus, folder);
  await sleep(20);
  const spent = processorTime(turn.pid) - before;
  return { ...outcome, cost: (spent * 1e6) / outcome.requests };
}
