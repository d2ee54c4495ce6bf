/** Starting the storm's processes and ending every one of them, however they have multiplied. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Processes whose working folder is `folder`. Everything that a storm starts works in its temporary
 * folder, and so do their children, also those that outlive their parents.
 */
export function processesIn(folder: string): number[] {
  return processes().filter((pid) => {
    try {
      // The folder may be gone already.
      const at = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '');
      return pid !== process.pid && at === folder;
    } catch {
      return false;
    }
  });
}

/** Children of a process. */
export function childrenOf(parent: number): number[] {
  return processes().filter((pid) => {
    const stat = statOf(pid);
    return stat?.parent === parent && stat.state !== 'Z';
  });
}

/** State letter and parent of a process; null when it is gone. */
export function statOf(pid: number): { state: string; parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold anything.
    const [state = '?', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return null;
  }
}

/** Every process there is. */
export function processes(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((number) => number > 0);
}

/** Sends a signal to a process that may be gone. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone, which is what all callers want in the end.
  }
}

/** Kills what is left in the folder; answers how many processes that were. */
export async function killAllIn(folder: string): Promise<number> {
  const killed = new Set<number>();
  for (let left = processesIn(folder); left.length > 0; left = processesIn(folder)) {
    for (const pid of left) {
      killed.add(pid);
      signal(pid, 'SIGKILL');
    }
    await sleep(10);
  }
  return killed.size;
}

/** Starts a program in the folder, its output going to `log` there. */
export function start(
  folder: string,
  log: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const output = openSync(join(folder, log), 'a');
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  child.on('error', () => {});
  return child;
}

/** Runs a short command in the folder; throws with its output unless it exits with 0 in time. */
export async function run(
  folder: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 180_000,
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}: ${output}`);
  return output;
}

/** Waits for a child's end; false when it does not come in time. */
export async function ended(child: ChildProcess, patience: number): Promise<boolean> {
  const deadline = Date.now() + patience;
  while (child.exitCode === null && child.signalCode === null) {
    if (Date.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

/**
 * For a process forked by the storm, whose folder is its argument: when the parent is gone without
 * having ended it, ends with everything else in that folder.
 */
export function endWithParent(): void {
  const folder = process.argv[2];
  process.once('disconnect', () => {
    const ending = folder === undefined ? Promise.resolve(0) : killAllIn(folder);
    void ending.finally(() => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      process.exit(1);
    });
  });
}
