import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { CertificateClock, noCredentials } from '../../src/primary/reload/certificates.ts';

const silent = { warn: assert.fail };

test('a renewal that fails is tried again, later each time, until it has come about', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  const asked: number[] = [];
  const set = (renewAt: number | null): void => clock.set({ ...noCredentials, renewAt }, silent);
  const clock = new CertificateClock(async () => {
    asked.push(Date.now() - 1_000_000);
    if (asked.length === 4) set(Date.now() + 90_000);
  });
  const pass = async (time: number): Promise<void> => {
    for (let i = 0; i < time; i += 500) {
      t.mock.timers.tick(500);
      await turn();
    }
  };
  set(1_000_000 + 5000.25);
  await pass(60_000);
  assert.deepEqual(asked, [5500, 6500, 8500, 12_500], 'one, two, four seconds later');
  await pass(43_500);
  assert.deepEqual(asked.slice(4), [102_500, 103_500], 'and then as set');
  set(null);
  await pass(10_000);
  assert.equal(asked.length, 6);
});

test('a clock that was put back makes a certificate due, however long it is valid', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 1_000_000;
  t.mock.method(Date, 'now', () => now);
  let asked = 0;
  const clock = new CertificateClock(async () => {
    asked++;
    clock.set(noCredentials, silent);
  });
  clock.set({ ...noCredentials, renewAt: 2_000_000_000, validFrom: 900_000 }, silent);
  t.mock.timers.tick(120_000);
  await turn();
  assert.equal(asked, 0);
  now = 500_000;
  t.mock.timers.tick(60_000);
  await turn();
  assert.equal(asked, 1);
});

test('certificates that expire are warned of each day', async (t) => {
  const day = 24 * 3600 * 1000;
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 * day });
  const passed = t.mock.method(performance, 'now', () => Date.now() - 1000 * day);
  const warnings: string[] = [];
  const clock = new CertificateClock(assert.fail);
  const certificate = { entry: 'web', names: ['a.test'], file: '/a.crt', validFrom: 0 };
  const certificates = [
    { ...certificate, validTo: 1002 * day },
    { ...certificate, file: '/b.crt', validTo: 2000 * day },
  ];
  const log = { warn: (text: string) => void warnings.push(text) };
  clock.set({ ...noCredentials, certificates }, log);
  for (let minute = 0; minute < 3 * 24 * 60 + 5; minute++) {
    t.mock.timers.tick(60_000);
    // oxlint-disable-next-line no-await-in-loop -- each look sets the next one
    await Promise.resolve();
  }
  passed.mock.restore();
  clock.set(noCredentials, silent);
  assert.deepEqual(warnings, [
    'entry web: the certificate /a.crt expires on 1972-09-29',
    'entry web: the certificate /a.crt expired on 1972-09-29',
    'entry web: the certificate /a.crt expired on 1972-09-29',
  ]);
});
