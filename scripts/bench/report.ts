/** The Markdown tables that the README quotes: a case in a row, a contestant in a column. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { FilterCost } from './filters.ts';
import type { Run } from './rounds.ts';
import type { Startup } from './startup.ts';

export interface Measurement {
  readonly name: string;
  /** Runs by contestant, one for each round. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
}

/** What a run was made on, for the line above its tables. */
export function circumstances(): string {
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? '?'}, Linux ${kernel}, Node.js ${process.version}`;
}

/** Cost and latency of each case, and what went wrong. */
export function caseTables(measurements: readonly Measurement[]): string {
  const columns = [...new Set(measurements.flatMap(({ runs }) => [...runs.keys()]))];
  const rows = (pick: (run: Run) => number): string[][] =>
    measurements.map(({ name, runs }) => [
      name,
      ...columns.map((column) => besideNginx(runs.get(column), runs.get('nginx'), pick)),
    ]);
  const errors = measurements.flatMap(({ name, runs }) =>
    Array.from(runs, ([contestant, all]) => {
      const count = all.reduce((sum, run) => sum + run.errors, 0);
      return count > 0 ? [`- ${name}: ${contestant}: ${count} errors`] : [];
    }).flat(),
  );
  return [
    table(
      ['µs of processor time a request (× nginx)', ...columns],
      rows(({ cost }) => cost),
    ),
    table(
      ['99th percentile, ms (× nginx)', ...columns],
      rows(({ p99 }) => p99),
    ),
    ...(errors.length > 0 ? [errors.join('\n')] : []),
  ].join('\n\n');
}

export function startupTable(startups: readonly Startup[]): string {
  const row = (name: string, of: (startup: Startup) => number): string[] => [
    name,
    ...startups.map((startup) => shown(of(startup))),
  ];
  return table(
    ['2 workers, idle', ...startups.map(({ contestant }) => contestant)],
    [
      row('launch to first answer, ms', ({ start }) => start),
      row('processor time of that, ms', ({ processor }) => processor),
      row('reload, ms', ({ reload }) => reload),
      row('resident memory of a worker, MB', ({ worker }) => worker),
      row('all processes, shared pages counted once, MB', ({ whole }) => whole),
    ],
  );
}

export function filterTable(costs: readonly FilterCost[]): string {
  return table(
    ['a flow with', 'µs a request', 'more than without', '× without'],
    costs.map(({ name, cost, more, times }) => [
      name,
      cost.toFixed(1),
      `${more <= -0.05 ? '−' : '+'}${Math.abs(more).toFixed(1)}`,
      times.toFixed(2),
    ]),
  );
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Median of `of` over that of `than`, round by round, where both saw the same machine. */
export function ratio(of: readonly number[], than: readonly number[]): number {
  return median(of.map((value, round) => value / (than[round] ?? Number.NaN)));
}

function besideNginx(
  runs: readonly Run[] | undefined,
  nginx: readonly Run[] | undefined,
  pick: (run: Run) => number,
): string {
  const values = runs?.map(pick) ?? [];
  const value = shown(median(values));
  if (!nginx || runs === nginx || value === '–') return value;
  return `${value} (${ratio(values, nginx.map(pick)).toFixed(2)})`;
}

/** Three digits are more than such a machine tells. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}
