/** Runs in a thread of its own: a password hash takes its time on purpose. */
import { compareSync } from 'bcryptjs';
import { answerQuestions } from '../../runtime/threads/thread-answers.ts';

export interface PasswordQuestion {
  readonly password: string;
  readonly hash: string;
}

answerQuestions(({ password, hash }: PasswordQuestion) => compareSync(password, hash));
