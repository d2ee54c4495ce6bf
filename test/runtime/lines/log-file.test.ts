import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogFile } from '../../../src/runtime/lines/log-file.ts';
import { lostLineCounts } from '../../../src/runtime/lines/line-buffer.ts';
import { enlarge, smallDisk } from '../../support/small-disk.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A log file with what it has reported. */
function open(path: string): { log: LogFile; reports: string[] } {
  const reports: string[] = [];
  const log = new LogFile(path, {
    onFailed: (error) => void reports.push((error as NodeJS.ErrnoException).code ?? ''),
    onRecovered: (lost) => void reports.push(`recovered ${lost}`),
  });
  return { log, reports };
}

async function lines(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
}

const line = (number: number): string => `${JSON.stringify({ number, text: 'x'.repeat(300) })}\n`;

test('a log goes on when a full disk has room again, without half a line', async (t) => {
  const disk = smallDisk(t, '64k');
  if (disk === null) return;
  const path = join(disk, 'a.jsonl');
  const [one, other] = [open(path), open(path)];
  // Each writes more than the disk holds, however the two take turns.
  for (let number = 0; number < 600; number++) {
    (number % 2 === 0 ? one : other).log.write(line(number));
    if (number % 10 === 0) await new Promise(setImmediate);
  }
  await eventually('the failure', () => one.reports.length > 0 && other.reports.length > 0);
  assert.deepEqual([one.reports, other.reports], [['ENOSPC'], ['ENOSPC']]);
  enlarge(disk, '2m');
  await eventually('the recovery', () => one.reports.length > 1 && other.reports.length > 1);
  assert.deepEqual(one.reports, ['ENOSPC', 'recovered 0']);
  one.log.write(line(600));
  await Promise.all([one.log.close(), other.log.close()]);
  const numbers = (await lines(path)).map(
    (text) => (JSON.parse(text) as { number: number }).number,
  );
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: 601 }, (_, i) => i),
  );
});

test('lines beyond what may wait for the disk are counted, and the number is reported', async (t) => {
  const disk = smallDisk(t, '64k');
  if (disk === null) return;
  const path = join(disk, 'a.jsonl');
  const { log, reports } = open(path);
  const megabyte = `${'x'.repeat(1 << 20)}\n`;
  for (let count = 0; count < 20; count++) log.write(megabyte);
  await eventually('the failure', () => reports.length > 0);
  assert.equal(lostLineCounts()[path], 5);
  enlarge(disk, '40m');
  await eventually('the recovery', () => reports.length > 1);
  assert.deepEqual(reports, ['ENOSPC', 'recovered 5']);
  await log.close();
  assert.equal((await lines(path)).length, 15);
});

test('a log whose disk stays full is closed within its time', async (t) => {
  const disk = smallDisk(t, '16k');
  if (disk === null) return;
  const { log, reports } = open(join(disk, 'a.jsonl'));
  for (let number = 0; number < 100; number++) log.write(line(number));
  await eventually('the failure', () => reports.length > 0);
  const began = performance.now();
  await log.close();
  assert.ok(performance.now() - began < 10_000);
});

test('a log that was moved, removed, or whose folder was, is made anew', async (t) => {
  const folder = join(temporaryFolder(t), 'logs');
  await mkdir(folder);
  const path = join(folder, 'a.jsonl');
  const { log, reports } = open(path);
  let number = 0;
  const writeUntil = (what: string, holds: () => boolean): Promise<boolean> =>
    eventually(what, () => {
      log.write(line(number++));
      return holds();
    });
  await writeUntil('the first line', () => existsSync(path));
  await rename(path, `${path}.1`);
  await writeUntil('a new file', () => existsSync(path));
  await rm(folder, { recursive: true });
  await writeUntil('a new folder', () => existsSync(path));
  await writeFile(`${path}.new`, '');
  await rename(`${path}.new`, path);
  log.write(line(number++));
  await log.close();
  assert.deepEqual(reports, []);
});

test('a named pipe without a reader keeps nobody waiting', async (t) => {
  const path = join(temporaryFolder(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const { log } = open(path);
  for (let number = 0; number < 1000; number++) log.write(line(number));
  const began = performance.now();
  await log.close();
  assert.ok(performance.now() - began < 10_000);
  closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
});
