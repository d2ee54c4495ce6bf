import { durationBounds, noRequests, type RequestTally } from '../ipc/request-statistics.ts';

/** Counts requests by their outcome; it is asked for every one, and makes nothing. */
export class RequestCounts {
  readonly #responses = [...noRequests.responses];
  readonly #durations = [...noRequests.durations];
  #elapsed = 0;

  /** @param status of the response; 0 for none @param elapsed ms */
  add(status: number, elapsed: number): void {
    const kind = status >= 100 && status < 600 ? Math.trunc(status / 100) : 0;
    this.#responses[kind] = (this.#responses[kind] as number) + 1;
    this.#elapsed += elapsed;
    let bucket = 0;
    while (bucket < durationBounds.length && elapsed > (durationBounds[bucket] as number)) bucket++;
    this.#durations[bucket] = (this.#durations[bucket] as number) + 1;
  }

  get tally(): RequestTally {
    return {
      responses: [...this.#responses],
      durations: [...this.#durations],
      elapsed: this.#elapsed,
    };
  }
}
