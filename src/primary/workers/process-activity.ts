import { readFileSync } from 'node:fs';

/** How the main thread of a process spends its time. */
export interface ProcessActivity {
  /** One letter, as in proc(5): R runs or waits for a processor, S sleeps, T is stopped. */
  readonly state: string;
  /** Processor time of the thread so far, ms. */
  readonly processorMs: number;
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

/** What the state means for a worker that gives no sign of life. */
export function describeState(state: string | undefined): string {
  if (state === 'T' || state === 't') return 'the process is stopped';
  if (state === 'R') return 'its event loop is blocked by a computation';
  return 'its event loop is blocked';
}
