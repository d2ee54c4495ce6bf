import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { watchConfiguration, type WatchTargets } from '../../../src/config/source/watcher.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A watcher that counts changes, and a wait for the next one. */
async function watching(t: TestContext, targets: WatchTargets) {
  let count = 0;
  let notify = (): void => {};
  const onChange = (): void => {
    count += 1;
    notify();
  };
  const watcher = await watchConfiguration(targets, onChange, assert.ifError);
  t.after(() => watcher.close());
  const firstLook = performance.now() + 60_000;
  while (count < 1 && performance.now() < firstLook) await sleep(20);
  assert.equal(count, 1, 'new targets are reported once');
  count = 0;
  return {
    watcher,
    count: () => count,
    async changedTo(expected: number): Promise<void> {
      const deadline = performance.now() + 60_000;
      while (count < expected) {
        assert.ok(performance.now() < deadline, `no change number ${expected} was reported`);
        const { promise, resolve } = Promise.withResolvers<void>();
        notify = resolve;
        await Promise.race([promise, sleep(100)]);
      }
    },
    /** Makes one more change and shows that nothing else was reported before it. */
    async nothingUntil(change: () => void): Promise<void> {
      await sleep(600);
      const before = count;
      change();
      await this.changedTo(before + 1);
      assert.equal(count, before + 1);
    },
  };
}

test('an edit in place is one change', async (t) => {
  const file = join(temporaryFolder(t), 'a.yml');
  writeFileSync(file, 'a: 1');
  const watched = await watching(t, { files: [file], folders: [] });
  writeFileSync(file, 'a: 2');
  await watched.changedTo(1);
});

test('a burst of writes, half-written ones among them, is one change', async (t) => {
  const file = join(temporaryFolder(t), 'a.yml');
  writeFileSync(file, 'a: 1');
  const watched = await watching(t, { files: [file], folders: [] });
  for (let i = 0; i < 20; i++) {
    writeFileSync(file, `a: ${i}\nb:`);
    // Events come in between, but no time passes in which the burst would seem to be over.
    await turn();
  }
  writeFileSync(file, 'a: 99\nb: 1');
  await watched.changedTo(1);
  await watched.nothingUntil(() => writeFileSync(file, 'a: 100'));
  assert.equal(watched.count(), 2);
});

test('an editor that writes a new file and renames it over the old one', async (t) => {
  const path = temporaryFolder(t);
  const file = join(path, 'a.yml');
  writeFileSync(file, 'a: 1');
  const watched = await watching(t, { files: [file], folders: [] });
  for (let i = 1; i <= 3; i++) {
    writeFileSync(join(path, '.a.yml.swp'), `a: ${i + 1}`);
    renameSync(join(path, '.a.yml.swp'), file);
    await watched.changedTo(i);
  }
});

test('an editor that moves the old file away first', async (t) => {
  const path = temporaryFolder(t);
  const file = join(path, 'a.yml');
  writeFileSync(file, 'a: 1');
  const watched = await watching(t, { files: [file], folders: [] });
  renameSync(file, `${file}~`);
  await sleep(300);
  writeFileSync(file, 'a: 2');
  await watched.changedTo(1);
  await watched.nothingUntil(() => writeFileSync(file, 'a: 3'));
  assert.equal(watched.count(), 2);
});

test('a touch or an unrelated file is no change', async (t) => {
  const path = temporaryFolder(t);
  const file = join(path, 'a.yml');
  writeFileSync(file, 'a: 1');
  const watched = await watching(t, { files: [file], folders: [path] });
  utimesSync(file, new Date(), new Date());
  writeFileSync(join(path, 'notes.txt'), 'hello');
  await watched.nothingUntil(() => writeFileSync(file, 'a: 2'));
  assert.equal(watched.count(), 1);
});

test('a folder: a file that is added, and one that is removed', async (t) => {
  const path = temporaryFolder(t);
  const file = join(path, 'a.yml');
  writeFileSync(file, 'a: 1');
  const watched = await watching(t, { files: [file], folders: [path] });
  writeFileSync(join(path, 'b.yml'), 'b: 1');
  await watched.changedTo(1);
  rmSync(join(path, 'b.yml'));
  await watched.changedTo(2);
});

test('a Kubernetes mount: ..data is switched over, again and again', async (t) => {
  const path = temporaryFolder(t);
  const mount = (version: number): void => {
    mkdirSync(join(path, `..v${version}`));
    writeFileSync(join(path, `..v${version}`, 'a.yml'), `a: ${version}`);
    symlinkSync(`..v${version}`, join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
    if (version > 1) rmSync(join(path, `..v${version - 1}`), { recursive: true });
  };
  mount(1);
  symlinkSync('..data/a.yml', join(path, 'a.yml'));
  const watched = await watching(t, { files: [join(path, 'a.yml')], folders: [path] });
  for (let version = 2; version <= 4; version++) {
    mount(version);
    await watched.changedTo(version - 1);
  }
});

test('new targets take the place of the old ones', async (t) => {
  const [first, second] = [temporaryFolder(t), temporaryFolder(t)];
  writeFileSync(join(first, 'a.yml'), 'a: 1');
  writeFileSync(join(second, 'b.yml'), 'b: 1');
  const watched = await watching(t, { files: [join(first, 'a.yml')], folders: [] });
  await watched.watcher.update({ files: [join(second, 'b.yml')], folders: [] });
  await watched.changedTo(1);
  writeFileSync(join(first, 'a.yml'), 'a: 2');
  await watched.nothingUntil(() => writeFileSync(join(second, 'b.yml'), 'b: 2'));
  assert.equal(watched.count(), 2);
});

test('symlinks anywhere on the way to a file are followed when they are switched over', async (t) => {
  const path = temporaryFolder(t);
  for (const release of ['one', 'two', 'three']) {
    mkdirSync(join(path, 'releases', release, 'conf'), { recursive: true });
    writeFileSync(join(path, 'releases', release, 'conf', 'e.yml'), release);
  }
  const current = join(path, 'current');
  const switchTo = (release: string): void => {
    symlinkSync(join('releases', release), `${current}.new`);
    renameSync(`${current}.new`, current);
  };
  switchTo('one');
  mkdirSync(join(path, 'etc'));
  symlinkSync(join(current, 'conf', 'e.yml'), join(path, 'etc', 'linked.yml'));
  const files = [join(current, 'conf', 'e.yml'), join(path, 'etc', 'linked.yml')];
  const watched = await watching(t, { files, folders: [] });
  switchTo('two');
  await watched.changedTo(1);
  writeFileSync(join(path, 'releases', 'two', 'conf', 'e.yml'), 'edited');
  await watched.changedTo(2);
  switchTo('three');
  await watched.changedTo(3);
});

test('a folder that was away for seconds is watched again', async (t) => {
  const path = join(temporaryFolder(t), 'conf');
  const file = join(path, 'e.yml');
  mkdirSync(path);
  writeFileSync(file, 'one');
  const watched = await watching(t, { files: [file], folders: [] });
  rmSync(path, { recursive: true });
  await watched.changedTo(1);
  await sleep(2000);
  mkdirSync(path);
  writeFileSync(file, 'two');
  await watched.changedTo(2);
  writeFileSync(file, 'three');
  await watched.changedTo(3);
});
