/** The promise itself, in short: no client sees a reload, a changed pool or another worker's death. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../scripts/reload-storm.ts', import.meta.url));

/** A storm lasts until everything has happened, however slow the machine is, ms. */
const timeout = 900_000;

interface Outcome {
  readonly faults: readonly string[];
  readonly targets: readonly [
    {
      readonly result: { readonly disturbances: readonly { readonly kind: string }[] };
      readonly findings: {
        readonly kinds: Record<string, Record<'before' | 'with', { answered: number }>>;
        readonly inexcusable: readonly unknown[];
      };
    },
  ];
}

async function storm(
  t: TestContext,
  seconds: number,
  reusePort: boolean,
  kinds: readonly string[],
): Promise<Outcome> {
  const child = spawn(
    process.execPath,
    [
      program,
      '--target=evergate',
      '--clients=16',
      '--patience=60',
      '--json',
      `--seconds=${seconds}`,
      `--reuse-port=${reusePort}`,
      `--disturb=${kinds.join()}`,
      `--disturbances=${kinds.length}`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  t.after(() => child.kill('SIGTERM'));
  const [said, progress] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.match(said, /^\{/, progress);
  return JSON.parse(said) as Outcome;
}
function assertCalm({ faults, targets: [{ result, findings }] }: Outcome, kinds: string[]): void {
  assert.deepEqual(
    { faults, failures: findings.inexcusable.slice(0, 10) },
    { faults: [], failures: [] },
  );
  assert.deepEqual(
    result.disturbances.map(({ kind }) => kind),
    kinds,
  );
  for (const [kind, phases] of Object.entries(findings.kinds)) {
    assert.ok(phases.with.answered > 0, `${kind} clients got answers`);
  }
}

test('no client sees any disturbance, one listening socket for each worker', {
  timeout,
}, async (t) => {
  const kinds = ['signal', 'edit', 'api', 'kill', 'workers', 'upgrade', 'kill-reload', 'kill-all'];
  assertCalm(await storm(t, 22, true, kinds), kinds);
});

test('no client sees any disturbance, one listening socket for all workers', {
  timeout,
}, async (t) => {
  const kinds = ['burst', 'kill', 'workers', 'upgrade', 'kill-reload'];
  assertCalm(await storm(t, 12, false, kinds), kinds);
});
