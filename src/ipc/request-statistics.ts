/** Outcome of an entry's requests. */
export interface RequestTally {
  /** Responses by class: of none, for the client went away or it broke off, then 1xx to 5xx. */
  readonly responses: readonly number[];
  /** Requests by how long they took: up to each of `durationBounds`, and longer than the last. */
  readonly durations: readonly number[];
  /** How long they took together, ms. */
  readonly elapsed: number;
}

/** From the request's head to the end of its response, ms. */
export const durationBounds: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
];

export const noRequests: RequestTally = {
  responses: Array<number>(6).fill(0),
  durations: Array<number>(durationBounds.length + 1).fill(0),
  elapsed: 0,
};

export function addTallies(one: RequestTally, other: RequestTally): RequestTally {
  return {
    responses: one.responses.map((count, index) => count + (other.responses[index] ?? 0)),
    durations: one.durations.map((count, index) => count + (other.durations[index] ?? 0)),
    elapsed: one.elapsed + other.elapsed,
  };
}
