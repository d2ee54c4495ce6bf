import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of body parts after which those that have gone out are freed. */
const tolerated = 4 << 20;
/** Of so many collections one frees also what has waited long, for a slow reader. */
const thorough = 32;

type Collect = (options: { type: 'minor' | 'major'; execution: 'sync' }) => void;

let collect: Collect | null = null;
let allocated = 0;
let collections = 0;

/**
 * Counts memory taken for a part of a body that only passes. V8 does not see such memory when it
 * decides whether to collect, and would let well over 64 MB of it gather. A minor collection takes
 * about a millisecond, a major one some more, and both are due only where many megabytes pass.
 */
export function countBodyBytes(bytes: number): void {
  allocated += bytes;
  if (allocated < tolerated) return;
  allocated = 0;
  collections++;
  run(collections % thorough === 0 ? 'major' : 'minor');
}

/**
 * Frees whatever nobody refers to. V8 does so when it needs room; a thread that has nothing more to do
 * would keep what it was done with for as long as it lives.
 */
export function collectGarbage(): void {
  run('major');
}

function run(type: 'minor' | 'major'): void {
  collect ??= collector();
  collect({ type, execution: 'sync' });
}

/**
 * V8's own; made when it is needed, since the context that it comes from weighs half a megabyte.
 *
 * Relies on: `--expose-gc` set at run time shows in contexts made after it, in every version so far,
 * though V8 promises nothing for flags that are set late; `gc` takes these options since 20. Without it
 * memory is freed when V8 sees fit.
 */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('globalThis.gc') as Collect | undefined;
  setFlagsFromString('--no-expose-gc');
  return gc ?? (() => {});
}
