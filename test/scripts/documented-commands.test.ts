/** The commands, options and files that the documentation names exist. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { evergate } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documents = [
  'README.md',
  ...readdirSync(join(root, '.github'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `.github/${name}`),
].map((name) => [name, readFileSync(join(root, name), 'utf8')] as const);

function found(pattern: RegExp): Set<string> {
  return new Set(
    documents.flatMap(([, text]) => [...text.matchAll(pattern)].map(([, name = '']) => name)),
  );
}

test('every npm script that is named exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = found(/\bnpm run ([\w:-]+)/g);
  assert.ok(named.size >= 5, [...named].join());
  assert.deepEqual(
    [...named, 'test', 'start'].filter((name) => !Object.hasOwn(scripts, name)),
    [],
  );
});

test('every source file and folder that is named exists', () => {
  const paths = found(/`((?:src|scripts|test|examples|\.github)\/[\w./-]+)`/g);
  assert.ok(paths.size >= 50, [...paths].join());
  assert.deepEqual(
    [...paths].filter((path) => !existsSync(join(root, path))),
    [],
  );
});

test('no command needs a newer Node.js than the machine may have', () => {
  for (const [name, text] of documents) {
    const bare = /^.*(?<!npx )(?<![\w/.-])node (?:src|scripts|test)\/\S+.*$/m.exec(text);
    assert.equal(bare, null, `${name}: ${bare?.[0]}`);
  }
});

test('every command and option of the gateway that is named exists', async () => {
  const { stdout } = await evergate(['--help']);
  const commands = found(/`(?:npx )?evergate ([a-z]+)/g);
  assert.ok(commands.size >= 6, [...commands].join());
  for (const command of commands) assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
  const keys = found(/`evergate explain ([\w.]+)`/g);
  const known = await Promise.all([...keys].map((key) => evergate(['explain', key])));
  assert.deepEqual(
    [...keys].filter((_, index) => known[index]?.code !== 0),
    [],
  );
});
