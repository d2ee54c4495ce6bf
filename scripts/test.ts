/**
 * Runs the tests: those that need nothing but npm, all of them with `--all`, or the files and folders
 * named on the command line. Files run side by side (their gateways listen on port 0), and after
 * them, one by one, those in `test/alone`, each of which keeps a whole machine busy. Every test has a
 * time limit, so that nothing can hang.
 *
 * What Node.js makes of the sources is kept: tests start hundreds of processes, and without it most of
 * their time would go into stripping types.
 */
import { globSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

/** How long a file, or a test that sets itself no other limit, may take, ms. */
const fileTimeout = 300_000;
/** The same for those in `test/alone`. */
const aloneTimeout = 900_000;
/** Files that run side by side. */
const width = 2;

const cache = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
const env = { ...process.env, NODE_COMPILE_CACHE: cache };

/** What needs other software than npm installs, and minutes: with `--all`, or when it is named. */
const needsMore = ['test/alone/opensearch.test.ts'];

const named = process.argv.slice(2).filter((argument) => argument !== '--all');
const isComplete = process.argv.includes('--all');
const files = (named.length > 0 ? named : ['test'])
  .flatMap((path) => {
    if (!statSync(path).isDirectory()) return [path];
    const found = globSync(`${path}/**/*.test.ts`);
    return isComplete ? found : found.filter((file) => !needsMore.includes(file));
  })
  .sort();
if (files.length === 0) throw new Error(`there are no tests in ${named.join(', ')}`);
const takesAll = (file: string): boolean => file.split(sep).includes('alone');

/** What the two runs report, as one. */
const report = new PassThrough({ objectMode: true });
report.pipe(new spec()).pipe(process.stdout);
/** How many `tests` there were, how many did `pass`, `fail`, …: the closing lines of both runs, added up. */
const totals = new Map<string, number>();
const closingLine = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

await runAll(
  files.filter((file) => !takesAll(file)),
  width,
  fileTimeout,
);
await runAll(files.filter(takesAll), 1, aloneTimeout);
for (const [name, total] of totals) {
  report.write({ type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${total}` } });
}
report.end();

async function runAll(chosen: string[], concurrency: number, timeout: number): Promise<void> {
  if (chosen.length === 0) return;
  for await (const event of run({ files: chosen, concurrency, timeout, env })) {
    if (event.type === 'test:summary' && !event.data.success) process.exitCode = 1;
    const closing =
      event.type === 'test:diagnostic' &&
      event.data.nesting === 0 &&
      closingLine.exec(event.data.message);
    if (!closing) {
      // The failures are listed once, when the report ends.
      if (event.type !== 'test:summary') report.write(event);
      continue;
    }
    const [, name = '', count] = closing;
    totals.set(name, (totals.get(name) ?? 0) + Number(count));
  }
}
