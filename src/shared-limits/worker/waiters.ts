/** Called once: whether it got what it waited for. */
export type Waiter = (granted: boolean) => void;

interface Waiting {
  readonly size: number;
  readonly waiter: Waiter;
  readonly timer: NodeJS.Timeout | null;
}

/** Those that wait for a grant, in the order in which they came. */
export class Waiters {
  readonly #waiting: Waiting[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  /** How much the first one waits for; 0 when there is none. */
  get first(): number {
    return this.#waiting[0]?.size ?? 0;
  }

  /** How much all of them wait for. */
  get total(): number {
    return this.#waiting.reduce((sum, { size }) => sum + size, 0);
  }

  /** Refused after that time, if it is above 0. Gives a function that ends the waiting. */
  add(size: number, waiter: Waiter, timeoutMs: number): () => void {
    const refuse = (): void => {
      this.#remove(waiting);
      waiter(false);
    };
    const waiting = { size, waiter, timer: timeoutMs > 0 ? setTimeout(refuse, timeoutMs) : null };
    this.#waiting.push(waiting);
    return () => this.#remove(waiting);
  }

  answerFirst(granted: boolean): void {
    const first = this.#waiting.shift();
    if (first === undefined) return;
    if (first.timer !== null) clearTimeout(first.timer);
    first.waiter(granted);
  }

  refuseAll(): void {
    for (let left = this.count; left > 0; left--) this.answerFirst(false);
  }

  #remove(waiting: Waiting): void {
    if (waiting.timer !== null) clearTimeout(waiting.timer);
    const index = this.#waiting.indexOf(waiting);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}
