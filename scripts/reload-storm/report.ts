/** What is printed: Markdown tables, the targets side by side. */
import { type Finding, type Findings, judgeStorm, type KindFindings, sum } from './findings.ts';
import type { StormOptions } from './options.ts';
import type { StormResult } from './storm.ts';

/** How many failures are listed one by one. */
const LISTED = 30;

export interface Judged {
  readonly result: StormResult;
  readonly findings: Findings;
}

export function judgeAll(results: readonly StormResult[]): Judged[] {
  return results.map((result) => ({ result, findings: judgeStorm(result) }));
}

/** Everything that is wrong with an evergate target, in words; empty when nothing is. */
export function faults({ result, findings }: Judged): string[] {
  const { before, with: stormy } = findings.total;
  const failed = before.failed + stormy.failed;
  const found = [...result.problems];
  if (failed > 0) found.unshift(`${failed} requests failed without excuse`);
  if (before.requests + stormy.requests === 0) found.push('not one request was made');
  return found;
}

export function renderMarkdown(judged: readonly Judged[], options: StormOptions): string {
  const parts = [summary(judged, options), details(judged)];
  for (const { result, findings } of judged) {
    if (findings.inexcusable.length > 0) parts.push(failureList(result, findings.inexcusable));
    for (const problem of result.problems) parts.push(`${result.title}: ${problem}`);
    for (const [kind, reason] of Object.entries(result.skipped)) {
      parts.push(`${result.title}: no "${kind}": ${reason}.`);
    }
    if (result.folder)
      parts.push(`${result.title}: configuration and logs are in ${result.folder}`);
  }
  return `${parts.join('\n\n')}\n`;
}

function summary(judged: readonly Judged[], { workers, reusePort }: StormOptions): string {
  const rows: string[][] = [
    ['', ...judged.map(({ result }) => result.title)],
    ['workers', ...judged.map(() => `${workers}, reuse_port ${reusePort}`)],
    ['seconds', ...judged.map(({ result }) => seconds(result.endedAt - result.startedAt))],
    ['disturbances', ...judged.map(({ result }) => disturbancesOf(result))],
    ['requests', ...each(judged, ({ total }) => total.before.requests + total.with.requests)],
    ['**failed**', ...each(judged, ({ total }) => total.before.failed + total.with.failed)],
    ['on connections of killed workers', ...each(judged, ({ total }) => total.with.excused)],
    ['hangs', ...each(judged, ({ kinds }) => tally(kinds, ({ failed }) => failed.hang ?? 0))],
    ['idle connections reset', ...each(judged, ({ kinds }) => tally(kinds, (k) => k.idleResets))],
    ['change taken up, ms (first / everywhere)', ...judged.map(({ result }) => uptakeOf(result))],
  ];
  return table(rows);
}

function each(judged: readonly Judged[], figure: (findings: Findings) => number): string[] {
  return judged.map(({ findings }) => figure(findings).toLocaleString('en'));
}

function tally(kinds: Findings['kinds'], figure: (kind: KindFindings) => number): number {
  return Object.values(kinds).reduce(
    (total, kind) => total + figure(kind.before) + figure(kind.with),
    0,
  );
}

function details(judged: readonly Judged[]): string {
  const rows: string[][] = [
    [
      'clients',
      'target',
      'requests',
      'failed',
      'of killed',
      'longest gap, ms',
      'p50, ms',
      'p99, ms',
      'max, ms',
    ],
  ];
  const names = new Set(judged.flatMap(({ findings }) => Object.keys(findings.kinds)));
  for (const name of names) {
    for (const { result, findings } of judged) {
      const kind = findings.kinds[name];
      if (!kind) continue;
      const { before, with: stormy } = kind;
      const pair = (figure: (phase: KindFindings) => string): string =>
        `${figure(before)} → ${figure(stormy)}`;
      rows.push([
        name,
        result.title,
        pair(({ requests }) => requests.toLocaleString('en')),
        pair(({ failed }) => failuresOf(failed)),
        `${stormy.excused}`,
        pair(({ gap }) => gap.toFixed(0)),
        pair(({ p50 }) => p50.toFixed(1)),
        pair(({ p99 }) => p99.toFixed(1)),
        pair(({ max }) => max.toFixed(0)),
      ]);
    }
  }
  return `Before → with disturbances:\n\n${table(rows)}`;
}

function failuresOf(failed: KindFindings['failed']): string {
  if (sum(failed) === 0) return '0';
  return Object.entries(failed)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

function disturbancesOf({ disturbances }: StormResult): string {
  const counts = new Map<string, number>();
  for (const { kind } of disturbances) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  return kinds === '' ? '0' : `${disturbances.length}: ${kinds}`;
}

function uptakeOf({ disturbances }: StormResult): string {
  const uptakes = disturbances.flatMap(({ uptake }) => uptake ?? []);
  if (uptakes.length === 0) return '';
  const first = median(uptakes.map((uptake) => uptake.first));
  return `${first} / ${median(uptakes.map(({ lastOld, first: own }) => Math.max(lastOld, own)))}`;
}

function failureList({ title, disturbedAt }: StormResult, failures: readonly Finding[]): string {
  const lines = failures.slice(0, LISTED).map((failure) => {
    const { client, kind, detail, after, at, sentAt, openedAt, served } = failure;
    const when = after
      ? `${(at - after.at).toFixed(0)} ms after ${after.kind}`
      : `${(at - disturbedAt).toFixed(0)} ms before the first disturbance`;
    return `- ${client}: ${kind} (${detail}) ${when}; sent ${(at - sentAt).toFixed(1)} ms before, as request ${served + 1} of a connection ${(at - openedAt).toFixed(0)} ms old`;
  });
  if (failures.length > LISTED) lines.push(`- and ${failures.length - LISTED} more`);
  return `Failed requests of ${title}:\n\n${lines.join('\n')}`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(0);
}

function table([head = [], ...rows]: readonly string[][]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function median(values: number[]): string {
  return (values.sort((a, b) => a - b)[values.length >> 1] ?? 0).toFixed(0);
}
