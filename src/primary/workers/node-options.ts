import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { processors } from '../../runtime/processes/processors.ts';

/** Options for one process only: code to run instead of a script, debugging and testing. */
const own =
  /^(?:--(?:inspect|test|eval|print|watch|input-type|check|interactive)|-(?:e|p|pe|i|c)$)/;

/**
 * Node.js's own options of this process that make sense for others that run this program, each with
 * its value, which may stand in an argument of its own.
 */
export function nodeOptions(given: readonly string[] = process.execArgv): string[] {
  let isOwn = false;
  return given.filter((argument) => {
    if (argument.startsWith('-')) isOwn = own.test(argument);
    return !isOwn;
  });
}

/** Without it, signal USR1 opens the debugger of Node.js to every user of the machine. */
const noDebugger = '--disable-sigusr1';

/** For a program that is to replace this one. */
export function successorOptions(given: readonly string[] = process.execArgv): string[] {
  const options = nodeOptions(given);
  return options.includes(noDebugger) ? options : [noDebugger, ...options];
}

/** Default options of workers. */
const defaults = [
  noDebugger,
  // The gateway does not use AsyncLocalStorage, whose context frame costs 2 to 3 % of a request. In
  // a plugin it works without the frame as well.
  '--no-async-context-frame',
  // There is a worker for each processor: more than one helper thread of V8 compete for it, which
  // costs 2 to 5 % of throughput and shows in the 99th percentile.
  '--v8-pool-size=1',
];

/** Options of workers; those of this process, and of NODE_OPTIONS, go before ours. */
export function workerOptions(
  given: readonly string[] = process.execArgv,
  environment = process.env['NODE_OPTIONS'] ?? '',
): string[] {
  const heap = heapMegabytes();
  const wanted = heap === null ? defaults : [...defaults, `--max-old-space-size=${heap}`];
  const ours = wanted.filter((option) => {
    const [name = ''] = option.split('=');
    const isSet = environment.includes(name.replace(/^--(?:no-)?/, ''));
    return !isSet && process.allowedNodeEnvironmentFlags.has(name);
  });
  return [...ours, ...nodeOptions(given)];
}

/** What decides how large a worker's heap may get, bytes. */
interface HeapSources {
  /** Memory that the control group allows; 0 or more than there is for no limit. */
  readonly constrained: number;
  readonly total: number;
  /** What V8 takes by itself. */
  readonly byDefault: number;
  readonly workers: number;
}

/** Less does not carry a worker, MB. */
const smallestHeap = 64;

/**
 * Limit of a worker's heap, MB; null for V8's own. V8 reckons with the memory of the control group as if
 * each process had all of it: together the workers' heaps get half of it, so that garbage is collected
 * before the system ends a worker.
 */
export function heapMegabytes(sources: HeapSources = heapSources()): number | null {
  const { constrained, total, byDefault, workers } = sources;
  if (constrained <= 0 || constrained >= total) return null;
  const share = constrained / 2 / workers;
  return share < byDefault ? Math.max(smallestHeap, Math.floor(share / 2 ** 20)) : null;
}

function heapSources(): HeapSources {
  return {
    constrained: process.constrainedMemory(),
    total: totalmem(),
    byDefault: getHeapStatistics().heap_size_limit,
    workers: processors(),
  };
}
