import type { RequestContext } from '../http/context.ts';
import type { ThreadTask } from '../runtime/threads/thread-pool.ts';

/** Settles after `delay` ms, or at once when the request is broken off. */
export function pause(context: RequestContext, delay: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      context.offAbort(listener);
      resolve();
    };
    const listener = { clientGone: done };
    const timer = setTimeout(done, delay);
    context.onAbort(listener);
  });
}

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
