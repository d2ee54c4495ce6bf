import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../runtime/directories.ts';

/** Makes a folder that only its owner may enter, and closes one that others may. */
export async function secureFolder(path: string): Promise<void> {
  makeFolder(path, 0o700);
  // A folder on a read-only or foreign file system stays as it is: what matters are its files.
  await chmod(path, 0o700).catch(() => {});
}

export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/**
 * Creates a file whole, or leaves alone the one that is there, and gives what stands in it now: of
 * two processes that create it at once, both get the first one's text.
 */
export async function createOnce(path: string, text: string, mode: number): Promise<string> {
  const draft = await writeDraft(path, text, mode);
  try {
    await link(draft, path);
    return text;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    return await readFile(path, 'utf8');
  } finally {
    await rm(draft, { force: true });
    await syncFolder(path);
  }
}

/** Replaces a file by another in one step: nobody ever reads half of it. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = await writeDraft(path, text, mode);
  try {
    await rename(draft, path);
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
  await syncFolder(path);
}

async function writeDraft(path: string, text: string, mode: number): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  // With its final mode from the start: a key is never readable by others, however briefly.
  const file = await open(draft, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

/** Makes the new name itself survive a loss of power. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
