/** What the operating system counts of running processes. */
import { readFileSync } from 'node:fs';

/** The process and all its descendants; none when it has gone. */
export function processTree(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`);
  if (children === null) return [];
  return [pid, ...children.trim().split(' ').filter(Boolean).map(Number).flatMap(processTree)];
}

/** Processor time of a process tree so far, seconds, user and system together. */
export function processorTime(pid: number): number {
  const ticks = processTree(pid).map((each) => {
    const stat = read(`/proc/${each}/stat`);
    if (stat === null) return 0;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / 100;
}

/** Memory of a process, MB; none of one that has gone. */
export function memory(pid: number): { resident: number; proportional: number } {
  const rollup = read(`/proc/${pid}/smaps_rollup`);
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup ?? '')?.[1] ?? 0) / 1024;
  return { resident: field('Rss'), proportional: field('Pss') };
}

/** Null when the process has gone. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
