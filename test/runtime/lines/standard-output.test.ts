import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StandardOutput } from '../../../src/runtime/lines/standard-output.ts';
import { enlarge, smallDisk } from '../../support/small-disk.ts';
import { eventually } from '../../support/eventually.ts';

test('a file as standard output goes on when a full disk has room again', async (t) => {
  const disk = smallDisk(t, '16k');
  if (disk === null) return;
  const path = join(disk, 'out');
  const fd = openSync(path, 'a');
  t.after(() => closeSync(fd));
  const output = new StandardOutput(fd);
  for (let number = 0; number < 100; number++) {
    output.write(`${JSON.stringify({ number, text: 'x'.repeat(300) })}\n`);
  }
  enlarge(disk, '1m');
  const numbers = await eventually('every line', () => {
    const whole = readFileSync(path, 'utf8').split('\n').filter(isJson);
    const found = whole.map((line) => (JSON.parse(line) as { number: number }).number);
    return found.length >= 100 ? found : null;
  });
  assert.deepEqual(
    numbers,
    Array.from({ length: 100 }, (_, number) => number),
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
