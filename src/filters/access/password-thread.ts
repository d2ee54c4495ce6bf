/** Runs in a thread of its own: a password hash takes its time on purpose. */
import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

export interface PasswordQuestion {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

export interface PasswordAnswer {
  readonly id: number;
  readonly matches: boolean;
}

parentPort?.on('message', ({ id, password, hash }: PasswordQuestion) => {
  const answer: PasswordAnswer = { id, matches: compareSync(password, hash) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
  parentPort?.postMessage(answer);
});
