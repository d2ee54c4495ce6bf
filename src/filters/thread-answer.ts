import type { RequestContext } from '../http/context.ts';
import type { ThreadTask } from '../runtime/threads/thread-pool.ts';

/** The answer of a thread, which is given up when the client goes. @throws as the task does */
export async function answerOf<Answer>(
  task: ThreadTask<Answer>,
  context: RequestContext,
): Promise<Answer> {
  const listener = { clientGone: () => task.cancel() };
  context.onAbort(listener);
  try {
    return await task.answer;
  } finally {
    context.offAbort(listener);
  }
}
