import { parentPort } from 'node:worker_threads';
import { reasonOf } from '../../errors.ts';
import { collectGarbage } from '../external-memory.ts';

/** What a thread sends back: the answer, or what went wrong. */
export interface ThreadAnswer<Answer> {
  readonly answer?: Answer;
  readonly error?: string;
}

/** Bytes on the heap, above which a thread frees what it can when an answer is out. */
const tidyHeap = 32 << 20;

/** In a thread of a ThreadPool: answers each of its questions. */
export function answerQuestions(answer: (question: never) => unknown): void {
  parentPort?.on('message', (question: unknown) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
    parentPort?.postMessage(answered(answer as (question: unknown) => unknown, question));
    // Not yet: the question is still referred to.
    if (process.memoryUsage().heapUsed > tidyHeap) setImmediate(collectGarbage);
  });
}

function answered(
  answer: (question: unknown) => unknown,
  question: unknown,
): ThreadAnswer<unknown> {
  try {
    return { answer: answer(question) };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}
