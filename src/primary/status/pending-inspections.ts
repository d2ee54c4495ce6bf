/** Requests for an inspection that another process has yet to answer. */
export class PendingInspections<Inspection> {
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, (inspection: Inspection | null) => void>();
  #lastId = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Settles with the response, or with null when there is none in time. */
  request(send: (id: number) => void): Promise<Inspection | null> {
    const { promise, resolve } = Promise.withResolvers<Inspection | null>();
    const id = ++this.#lastId;
    const timer = setTimeout(() => this.settle(id, null), this.#timeoutMs);
    this.#pending.set(id, (inspection) => {
      clearTimeout(timer);
      resolve(inspection);
    });
    send(id);
    return promise;
  }

  settle(id: number, inspection: Inspection | null): void {
    this.#pending.get(id)?.(inspection);
    this.#pending.delete(id);
  }

  /** The other process has ended. */
  abandon(): void {
    for (const id of this.#pending.keys()) this.settle(id, null);
  }
}
