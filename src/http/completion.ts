/** Who waits for a completion. */
export interface CompletionListener {
  /** Called once; `error` is undefined when all went well. */
  completed(error: unknown): void;
}

/**
 * Work under way whose end is told by a call: what a promise is, without its objects and its turns
 * of the microtask queue, which a proxied request would pay for several times. One listener may wait
 * for it; whoever would rather have a promise awaits it as if it were one.
 */
export abstract class Completion implements PromiseLike<void> {
  #listener: CompletionListener | null = null;
  #over = false;
  #error: unknown = undefined;

  /**
   * Tells `listener` of the end, at once if that has come already.
   * @throws Error when another one waits for it
   */
  whenCompleted(listener: CompletionListener): void {
    if (this.#over) listener.completed(this.#error);
    else if (this.#listener !== null) throw new Error('a completion has one listener only');
    else this.#listener = listener;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- so that it can be awaited
  then<Value, Failure = never>(
    onFulfilled?: (() => Value | PromiseLike<Value>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.whenCompleted({
      completed(error) {
        if (error === undefined) resolve();
        else reject(error);
      },
    });
    return promise.then(onFulfilled, onRejected);
  }

  /** The work is over. */
  protected complete(error?: unknown): void {
    this.#over = true;
    this.#error = error;
    this.#listener?.completed(error);
  }
}
