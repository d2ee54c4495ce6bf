import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Completion } from '../../src/http/completion.ts';

class Work extends Completion {
  finish(error?: unknown): void {
    this.complete(error);
  }
}

suite('a completion', () => {
  const listener = { completed: () => {} };

  test('refuses a second listener, which would take the place of the first', () => {
    const work = new Work();
    work.whenCompleted(listener);
    assert.throws(() => work.whenCompleted(listener), /one listener/);
    // oxlint-disable-next-line promise/prefer-await-to-then -- so does whoever awaits it
    assert.throws(() => void work.then(), /one listener/);
  });

  test('tells whoever asks when all is over', async () => {
    const work = new Work();
    work.whenCompleted(listener);
    work.finish();
    await work;
    const failed = new Work();
    failed.finish(new Error('lost'));
    await assert.rejects(async () => failed, /lost/);
  });
});
