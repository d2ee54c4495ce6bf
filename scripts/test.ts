/**
 * Runs the tests: those that need nothing but npm, all of them with `--all`, or the files and folders
 * named on the command line. There are three parts:
 *
 * - those of pure code, in one process;
 * - those that start gateways or servers, side by side, each in a process of its own;
 * - those in `test/alone`, each of which keeps a whole machine busy, one by one.
 *
 * Every test has a time limit, so that nothing can hang. Gateways are started from one build, and the
 * code that Node.js compiles is cached: tests start hundreds of processes.
 */
import { copyFileSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, sep } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build/program.ts';

/** How long a file, or a test that sets itself no other limit, may take, ms. */
const fileTimeoutMs = 300_000;
/** The same for those in `test/alone`. */
const aloneTimeoutMs = 900_000;
/** Files that run side by side. More would wait less, but tests about time need a processor when it comes. */
const width = Math.max(2, availableParallelism());

/** Folders of `test` whose tests start no process, wait for next to nothing and share no state. */
const pure = [
  'test/context/',
  'test/router/',
  'test/flow/',
  'test/filters/',
  'test/http/',
  'test/tls/',
  'test/golden/',
  'test/shared-limits/worker/',
  'test/cluster/balancing/',
  'test/cluster/elasticsearch/',
  'test/cluster/nodes/',
  'test/config/sections/',
  'test/config/validation/',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache');
/** A build of this run's own, where it finds the packages. */
const build = join(cache, `evergate-test-${process.pid}`);

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

type Part = 'pure' | 'parallel' | 'alone';

function partOf(file: string): Part {
  if (file.split(sep).includes('alone')) return 'alone';
  return pure.some((folder) => file.replaceAll(sep, '/').startsWith(folder)) ? 'pure' : 'parallel';
}

const parts = Map.groupBy(files, partOf);

/** What all parts report, as one. */
const report = new PassThrough({ objectMode: true });
report.pipe(new spec()).pipe(process.stdout);
/** How many `tests` there were, how many did `pass`, `fail`, …: the closing lines of all parts, added up. */
const totals = new Map<string, number>();
const closingLine = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

type RunOptions = NonNullable<Parameters<typeof run>[0]>;

try {
  await buildProgram(join(build, 'dist'));
  mkdirSync(build, { recursive: true });
  copyFileSync(join(root, 'package.json'), join(build, 'package.json'));
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE: join(cache, 'node'),
    EVERGATE_TEST_PROGRAM: join(build, 'dist/cli.js'),
  };
  await runPart('pure', { isolation: 'none', timeout: fileTimeoutMs });
  await runPart('parallel', { concurrency: width, timeout: fileTimeoutMs, env });
  await runPart('alone', { concurrency: 1, timeout: aloneTimeoutMs, env });
} finally {
  rmSync(build, { recursive: true, force: true });
}
for (const [name, total] of totals) {
  report.write({ type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${total}` } });
}
report.end();

async function runPart(part: Part, options: RunOptions): Promise<void> {
  const chosen = parts.get(part);
  if (chosen === undefined) return;
  for await (const event of run({ files: chosen, ...options })) {
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
