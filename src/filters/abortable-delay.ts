import type { RequestContext } from '../http/context.ts';

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
