import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long anything may take on a busy machine, ms. Only a test that fails waits so long. */
export const patienceMs = 120_000;

export interface Patience {
  /** The state to report when the wait was in vain. */
  readonly seen?: () => unknown;
  readonly patienceMs?: number;
}

/** Polls until `holds` returns something truthy, and returns that. */
export async function eventually<T>(
  expected: string,
  holds: () => T | Promise<T>,
  patience: Patience = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + (patience.patienceMs ?? patienceMs);
  for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, 20)) {
    const held = await holds();
    if (held) return held;
    if (performance.now() > deadline) {
      const seen = patience.seen === undefined ? '' : `; seen: ${JSON.stringify(patience.seen())}`;
      assert.fail(`did not happen: ${expected}${seen}`);
    }
    await sleep(pauseMs);
  }
}
