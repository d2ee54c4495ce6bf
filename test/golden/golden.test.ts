/**
 * Each folder here is a configuration and `expected.txt`: what is wrong with it, or what it
 * resolves to, to the letter. `UPDATE_GOLDEN=1` writes the files anew; read the difference.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { loadConfiguration } from '../../src/config/load.ts';
import { ConfigError, type Problem, renderProblem } from '../../src/config/problem.ts';
import { syntax } from '../../src/cli/syntax-checks.ts';
import { goldenFilters } from './filters.ts';

interface CaseOptions {
  readonly paths?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const cases = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory());

async function resolve(folder: string): Promise<string> {
  const optionsFile = `${folder}/options.json`;
  const options: CaseOptions = existsSync(optionsFile)
    ? (JSON.parse(readFileSync(optionsFile, 'utf8')) as CaseOptions)
    : {};
  const { paths = ['evergate.yml'], environment = {} } = options;
  const result = await loadConfiguration({
    paths,
    environment,
    filters: goldenFilters,
    syntax,
    cwd: folder,
  }).then(
    ({ config, warnings }) => [...listed('warning', warnings), JSON.stringify(config, null, 2)],
    (error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      return [...listed('error', error.problems), ...listed('warning', error.warnings)];
    },
  );
  return `${result.join('\n').replaceAll(folder, '<case>')}\n`;
}

function listed(kind: string, problems: readonly Problem[]): string[] {
  return problems.map((problem) => `${kind}: ${renderProblem(problem)}`);
}

test('there are enough cases', () => {
  assert.ok(cases.length >= 40, `${cases.length} cases`);
});

for (const { name } of cases) {
  test(name.replaceAll('-', ' '), async () => {
    const folder = `${here}${name}`;
    const actual = await resolve(folder);
    const expectedFile = `${folder}/expected.txt`;
    if (process.env['UPDATE_GOLDEN']) writeFileSync(expectedFile, actual);
    assert.equal(/^error: /m.test(actual), name.startsWith('bad-'), actual);
    assert.equal(actual, readFileSync(expectedFile, 'utf8'));
  });
}
