import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StandardOutput } from '../../../src/runtime/lines/standard-output.ts';
import { eventually } from '../../support/gateway.ts';

test('a file as standard output goes on when a full disk has room again', async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'evergate-disk-'));
  t.after(() => rmSync(disk, { recursive: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', disk], { stdio: 'ignore' });
  } catch {
    return t.skip('file systems cannot be mounted here');
  }
  try {
    const path = join(disk, 'out');
    const fd = openSync(path, 'a');
    const output = new StandardOutput(fd);
    for (let number = 0; number < 100; number++) {
      output.write(`${JSON.stringify({ number, text: 'x'.repeat(300) })}\n`);
    }
    execFileSync('mount', ['-o', 'remount,size=1m', disk]);
    const numbers = await eventually('every line', () => {
      const whole = readFileSync(path, 'utf8').split('\n').filter(isJson);
      return (
        whole.length >= 100 && whole.map((line) => (JSON.parse(line) as { number: number }).number)
      );
    });
    assert.deepEqual(
      numbers,
      Array.from({ length: 100 }, (_, number) => number),
    );
    closeSync(fd);
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
