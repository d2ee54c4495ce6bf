import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf } from '../errors.ts';

/**
 * Makes a folder and those above it, unless it is there. (The option `recursive` of mkdir never
 * returns where a file system lets nobody make folders, such as /proc.)
 * @throws what the system says
 */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeFolder(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
  EDQUOT: 'no space is left to this user',
  EEXIST: 'there is a file of that name',
  ENOTDIR: 'there is a file where a folder would be',
  ENOENT: 'there is no such folder',
};

/** Why a folder, or a file in it, could not be made, in words. */
export function describeFileError(error: unknown): string {
  return reasons[(error as NodeJS.ErrnoException | null)?.code ?? ''] ?? reasonOf(error);
}
