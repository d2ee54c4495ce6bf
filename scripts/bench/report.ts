/** The tables that the README quotes. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Outcome } from './load.ts';
import { median, type Startup } from './startup.ts';

export interface Measurement {
  readonly name: string;
  readonly contestant: string;
  /** One for each round; `cost` in µs of processor time a request. */
  readonly runs: (Outcome & { readonly cost: number })[];
}

/** Markdown: cost, ratio to nginx, latency and rate of each case, then start-up. */
export function report(measurements: readonly Measurement[], startups: readonly Startup[]): string {
  const names = [...new Set(measurements.map(({ name }) => name))];
  const parts = [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${cpus().length} × ${cpus()[0]?.model ?? '?'}, Linux ${kernel()}, Node.js ${process.version}; medians.`,
    ...names.map((name) =>
      table(
        name,
        measurements.filter((each) => each.name === name),
      ),
    ),
  ];
  if (startups.length > 0) parts.push(startupTable(startups));
  return `${parts.join('\n\n')}\n`;
}

function kernel(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}

function table(name: string, rows: readonly Measurement[]): string {
  const cost = (row: Measurement): number => median(row.runs.map((run) => run.cost));
  const nginx = rows.find(({ contestant }) => contestant === 'nginx');
  const lines = rows.map((row) => {
    const of = (pick: (run: Outcome) => number): number => median(row.runs.map(pick));
    // The ratio is taken within each round, where both saw the same machine.
    const ratios = row.runs.map((run, i) => run.cost / (nginx?.runs[i]?.cost ?? Number.NaN));
    return [
      row.contestant,
      cost(row).toFixed(1),
      median(ratios).toFixed(2),
      of(({ p50 }) => p50).toFixed(2),
      of(({ p99 }) => p99).toFixed(2),
      of(({ requests }) => requests).toFixed(0),
      row.runs.reduce((sum, { errors }) => sum + errors, 0),
    ].join(' | ');
  });
  return `**${name}**

| | µs a request | × nginx | p50 ms | p99 ms | requests | errors |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.map((line) => `| ${line} |`).join('\n')}`;
}

function startupTable(rows: readonly Startup[]): string {
  const lines = rows.map(
    ({ contestant, start, reload, memory }) =>
      `| ${contestant} | ${start.toFixed(0)} | ${reload.toFixed(0)} | ${memory.map((each) => each.toFixed(0)).join(' + ')} |`,
  );
  return `**Start, reload and memory, 2 workers, idle**

| | start ms | reload ms | resident MB |
| --- | ---: | ---: | --- |
${lines.join('\n')}`;
}
