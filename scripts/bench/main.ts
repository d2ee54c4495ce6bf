/**
 * `npm run bench`: what a proxied request costs, ours beside its peers'.
 *
 * The proxy is pinned to one processor, load and backends (nginx) to another; contestants run side by
 * side and take turns under load. A request's cost is the processor time that the operating system
 * counted for the proxy's processes, divided by the requests answered. Only ratios within one run count.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Case, cases } from './cases.ts';
import { builtProgram, contestants, revision } from './contestants.ts';
import { measureFilters } from './filters.ts';
import { end, installed, start, untilListening } from './processes.ts';
import {
  caseTables,
  circumstances,
  filterTable,
  type Measurement,
  startupTable,
} from './report.ts';
import { type Plan, processors, takeTurns, type Turn } from './rounds.ts';
import { setStage } from './stage.ts';
import { measureStartups } from './startup.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    filters: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'warm-up': { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    cases: { type: 'string', multiple: true, default: [] },
    compare: { type: 'string' },
    output: { type: 'string' },
    'no-startup': { type: 'boolean', default: false },
    unpinned: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  process.stdout.write(`npm run bench -- [options]
  --quick         fewer rounds, and shorter: half of the 24 minutes
  --filters       what each kind of filter adds to a request, in place of all else (6 minutes)
  --rounds N      rounds, each contestant once a round (5; quick: 3)
  --seconds N     seconds of load a turn (3; quick: 2)
  --warm-up N     seconds of load at most before a contestant's turns count (10; quick: 4)
  --only NAME     only contestants whose name contains NAME; repeatable
  --cases TEXT    only cases, or filters, whose name contains TEXT; repeatable
  --compare REV   puts that revision of ours beside the working tree
  --output FILE   writes the Markdown tables there too
  --no-startup    leaves out start, reload and memory
  --unpinned      leaves it to the system where what runs: better on a machine that has other work
`);
  process.exit(0);
}

for (const program of ['wrk', 'nginx', 'taskset']) {
  if (!installed(program))
    throw new Error(`the benchmark needs ${program}, which is not installed`);
}
const folder = mkdtempSync(join(tmpdir(), 'evergate-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));

const number = (text: string | undefined, usual: number, quick: number): number =>
  Number(text ?? (options.quick ? quick : usual));
const plan: Plan = {
  rounds: number(options.rounds, 5, 3),
  seconds: number(options.seconds, 3, 2),
  warmUp: number(options['warm-up'], 10, 4),
  pinned: !options.unpinned,
  folder,
  progress: tell,
};
const begun = performance.now();
const program = builtProgram(folder);
const stage = await setStage(folder, plan.pinned);
const tables = [`Measured ${circumstances()}; medians of ${plan.rounds} rounds.`];
if (options.filters) {
  tables.push(filterTable(await measureFilters(program, stage, plan, isWanted(options.cases))));
} else await compareContestants();
const report = `${tables.join('\n\n')}\n`;
console.log(report);
if (options.output) writeFileSync(options.output, report);
process.exit(0);

function tell(line: string): void {
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.error(`${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')} ${line}`);
}

/** Everything is wanted where nothing is named. */
function isWanted(texts: readonly string[]): (name: string) => boolean {
  return (name) => texts.length === 0 || texts.some((text) => name.includes(text));
}

async function compareContestants(): Promise<void> {
  const others = options.compare ? [revision(options.compare, folder)] : [];
  const all = [...contestants(program), ...others].filter(({ name }) =>
    isWanted(options.only)(name),
  );
  for (const { name, missing } of all) if (missing) tell(`left out: ${name}, ${missing}`);
  const able = all.filter(({ missing }) => missing === null);

  /** All rounds of one case. */
  const measure = async ({ name, load, workers }: Case, progress: Plan['progress']) => {
    const cpus = processors(plan, workers);
    const running: ChildProcess[] = [];
    try {
      const turns: Turn[] = [];
      for (const contestant of able) {
        if ((load.tls && !contestant.tls) || (load.h2 && !contestant.h2)) continue;
        const own = await stage.setting(contestant.name, workers);
        const child = start(contestant.prepare(own), cpus.proxy);
        running.push(child);
        await untilListening(load.tls || load.h2 ? own.tlsPort : own.port);
        const { name: who } = contestant;
        turns.push({ name: who, pid: child.pid ?? 0, ports: own, load, cpus: cpus.load });
      }
      return { name, runs: await takeTurns(turns, { ...plan, progress }) };
    } finally {
      for (const child of running) await end(child);
    }
  };

  const wanted = cases.filter(({ name }) => isWanted(options.cases)(name));
  const measurements: Measurement[] = [];
  for (const [index, each] of wanted.entries()) {
    const place = `case ${index + 1} of ${wanted.length}, ${each.name}`;
    measurements.push(await measure(each, (line) => tell(`${place}: ${line}`)));
  }
  if (measurements.length > 0) tables.push(caseTables(measurements));
  if (options['no-startup']) return;
  const startups = await measureStartups(able, stage, plan.rounds, (line) =>
    tell(`start and memory: ${line}`),
  );
  tables.push(startupTable(startups));
}
