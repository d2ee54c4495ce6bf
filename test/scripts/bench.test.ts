/** The benchmark's configurations, and the tables it writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfiguration } from '../../src/config/load.ts';
import { syntax } from '../../src/cli/syntax-checks.ts';
import { filters } from '../../src/filters/index.ts';
import { contestants } from '../../scripts/bench/contestants.ts';
import { kindsCommand } from '../../scripts/bench/filters.ts';
import { caseTables, filterTable } from '../../scripts/bench/report.ts';
import type { Run } from '../../scripts/bench/rounds.ts';
import { selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('each configuration of ours is valid, without a warning', async (t) => {
  const path = temporaryFolder(t);
  const { cert: certificate, key } = selfSigned(path, 'localhost');
  const ports = { port: 1, tlsPort: 2, backends: [3, 4] as const };
  const setting = { folder: path, ...ports, workers: 1, certificate, key };
  const ours = contestants('cli.js').filter(({ name }) => name.startsWith('Evergate'));
  const all = [
    () => kindsCommand('cli.js', setting),
    ...ours.map((one) => () => one.prepare(setting)),
  ];
  for (const prepare of all) {
    const command = prepare();
    const file = command[command.indexOf('-c') + 1] ?? '';
    const { warnings } = await loadConfiguration({ paths: [file], filters, syntax });
    assert.deepEqual(warnings, []);
  }
});

test('tables have medians, and ratios to nginx within each round', () => {
  const run = (cost: number, p99 = Number.NaN, errors = 0): Run => ({
    cost,
    p99,
    p50: 1,
    requests: 1000,
    errors,
  });
  const runs = new Map([
    ['Evergate', [run(30, 2), run(60, 4), run(33, 2, 7)]],
    ['nginx', [run(20, 1), run(30, 2), run(30, 2)]],
  ]);
  assert.equal(
    caseTables([{ name: 'small GET', runs }]),
    `| µs of processor time a request (× nginx) | Evergate | nginx |
| --- | ---: | ---: |
| small GET | 33.0 (1.50) | 30.0 |

| 99th percentile, ms (× nginx) | Evergate | nginx |
| --- | ---: | ---: |
| small GET | 2.00 (2.00) | 2.00 |

- small GET: Evergate: 7 errors`,
  );
  assert.equal(
    filterTable([{ name: '`drop`', cost: 9.96, more: -20.04, times: 0.332 }]),
    `| a flow with | µs a request | more than without | × without |
| --- | ---: | ---: | ---: |
| \`drop\` | 10.0 | −20.0 | 0.33 |`,
  );
});
