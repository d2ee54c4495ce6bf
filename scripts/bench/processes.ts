/** Processes of a benchmark: started pinned to a processor, and ended with the benchmark. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from '../proc.ts';

const started = new Set<ChildProcess>();
process.on('exit', () => {
  // With all it forked: an nginx worker outlives a master that is killed.
  for (const { pid } of started) {
    for (const each of processTree(pid ?? 0).toReversed()) process.kill(each, 'SIGKILL');
  }
});

/** Whether a program of that name can be run here. */
export function installed(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

/** Starts a program, on the processors given (a taskset list) or anywhere. */
export function start(command: readonly string[], cpus?: string): ChildProcess {
  const [program = '', ...args] = cpus ? ['taskset', '-c', cpus, ...command] : command;
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', process.env['BENCH_VERBOSE'] ? 'inherit' : 'ignore'],
  });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

/** Ends a process and waits for it: TERM, and KILL after three seconds. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await gone;
  clearTimeout(timer);
}

/** Settles when something listens on the port. @throws after `patience` ms. */
export async function untilListening(port: number, patience = 15_000): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
    if (performance.now() - begun > patience)
      throw new Error(`nothing listens on port ${port} after ${patience} ms`);
    await sleep(5);
  }
}

/** Whether a GET on a new connection is answered. */
export function answers(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    get({ port, path, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode === 200));
    }).once('error', () => resolve(false));
  });
}
