import { readdirSync, readFileSync } from 'node:fs';

/** How the main thread of a process spends its time. */
export interface ProcessActivity {
  /** One letter, as in proc(5): R runs or waits for a processor, S sleeps, T is stopped. */
  readonly state: string;
  /** Processor time of the thread so far, ms. */
  readonly processorMs: number;
}

/** Identifies a process for as long as the system runs: ids alone are reused. */
export interface ProcessIdentity {
  readonly pid: number;
  /** As the system counts it; empty when unknown. */
  readonly startedAt: string;
}

/** Null when unknown, and for a process that has ended. */
export function readActivity(pid: number): ProcessActivity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const schedule = readFileSync(`/proc/${pid}/schedstat`, 'latin1');
    // The name before the state is in parentheses, and may hold any character.
    const state = stat.charAt(stat.lastIndexOf(')') + 2);
    return { state, processorMs: Number.parseInt(schedule, 10) / 1e6 };
  } catch {
    return null;
  }
}

export function identify(pid: number): ProcessIdentity {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, startedAt: fields[19] ?? '' };
  } catch {
    return { pid, startedAt: '' };
  }
}

/** Its title, as set by the process itself; null when it has ended. */
export function titleOf({ pid, startedAt }: ProcessIdentity): string | null {
  if (startedAt === '' || identify(pid).startedAt !== startedAt) return null;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return null;
  }
}

/** Whether all threads of a process have ended, so that only its exit code is left. */
export function isDead(pid: number): boolean {
  try {
    return readActivity(pid)?.state === 'Z' && readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

/** The state of a worker that gives no sign of life, in words. */
export function describeState(state: string | undefined): string {
  if (state === 'T' || state === 't') return 'the process is stopped';
  if (state === 'R') return 'its event loop is blocked by a computation';
  return 'its event loop is blocked';
}
