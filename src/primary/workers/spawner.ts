import cluster, { type Worker } from 'node:cluster';
import { fstatSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ownFile } from '../../package.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';
import { realStderr } from '../upgrade/standard-error.ts';
import { workerOptions } from './node-options.ts';

/** Descriptor of the primary's own output in a worker whose output the primary relays. */
const relayedOutput = 4;

export function ownOutputOfWorkers(): number | null {
  return standardOutput().isShared ? relayedOutput : null;
}

/** A process that will be a worker. */
export interface WorkerProcess {
  readonly worker: Worker;
  /** Whether it has reported already that it takes messages. */
  readonly online: boolean;
}

/**
 * Starts the processes of workers. Some can be started early: they load the program while the primary
 * reads its configuration.
 */
export class WorkerSpawner {
  readonly #spare = new Set<{ readonly worker: Worker; online: boolean }>();

  /** @param exec program that workers run; by default the command line, which detects that it is one */
  constructor(exec = fileURLToPath(ownFile('cli'))) {
    cluster.setupPrimary({
      exec,
      args: [],
      execArgv: workerOptions(),
      serialization: 'advanced',
      stdio: standardOutput().isShared
        ? ['ignore', 'pipe', errorOutput(), 'ipc', 1]
        : ['inherit', 'inherit', realStderr, 'ipc'],
    });
  }

  /** Starts `count` processes early. */
  prepare(count: number): void {
    for (let i = 0; i < count; i++) {
      const spare = { worker: fork(), online: false };
      this.#spare.add(spare);
      // The first message of a worker is `online`.
      spare.worker.once('message', () => (spare.online = true));
      for (const end of ['exit', 'error'] as const) {
        spare.worker.once(end, () => this.#spare.delete(spare));
      }
    }
  }

  /** A process that was started early, or else a new one. */
  spawn(): WorkerProcess {
    const [spare] = this.#spare;
    if (!spare) return { worker: fork(), online: false };
    this.#spare.delete(spare);
    return spare;
  }

  /** Ends the processes that were started early and are not used. */
  close(): void {
    for (const { worker } of this.#spare) worker.process.kill('SIGKILL');
    this.#spare.clear();
  }
}

function fork(): Worker {
  const worker = cluster.fork();
  const { stdout, stderr } = worker.process;
  if (stdout) standardOutput().relay(stdout);
  if (stderr) standardOutput().relay(stderr);
  return worker;
}

/** Where workers' standard error goes while their standard output comes here. */
function errorOutput(): 'pipe' | number {
  try {
    const [output, error] = [fstatSync(1), fstatSync(realStderr)];
    return output.ino === error.ino && output.dev === error.dev ? 'pipe' : realStderr;
  } catch {
    return realStderr;
  }
}
