import { readdirSync, readFileSync } from 'node:fs';

/** How the main thread of a process spends its time. */
export interface ProcessActivity {
  /** One letter, as in proc(5): R runs or waits for a processor, S sleeps, T is stopped. */
  readonly state: string;
  /** Processor time of the thread so far, ms. */
  readonly processorMs: number;
}

/** What identifies a process for as long as the system runs: its id alone is given out again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** As the system counts it; empty where it does not tell. */
  readonly startedAt: string;
}

/** Null where the system does not tell, and for a process that has gone. */
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

/** Its title, as set by the process itself; null when it has gone. */
export function titleOf({ pid, startedAt }: ProcessIdentity): string | null {
  if (startedAt === '' || identify(pid).startedAt !== startedAt) return null;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return null;
  }
}

/** Whether nothing is left of a process but its exit code: all of its threads have ended. */
export function isDead(pid: number): boolean {
  try {
    return readActivity(pid)?.state === 'Z' && readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

/** What the state means for a worker that gives no sign of life. */
export function describeState(state: string | undefined): string {
  if (state === 'T' || state === 't') return 'the process is stopped';
  if (state === 'R') return 'its event loop is blocked by a computation';
  return 'its event loop is blocked';
}
