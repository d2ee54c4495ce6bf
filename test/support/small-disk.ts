/** File systems that are full soon, for tests. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder on a disk of that size; null, and the test is skipped, where none can be mounted. */
export function smallDisk(t: TestContext, size: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'evergate-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], {
      stdio: 'ignore',
    });
  } catch {
    rmSync(folder, { recursive: true });
    t.skip('file systems cannot be mounted here');
    return null;
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

export function enlarge(disk: string, size: string): void {
  execFileSync('mount', ['-o', `remount,size=${size}`, disk]);
}
