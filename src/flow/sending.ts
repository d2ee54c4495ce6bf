import type { Sending, Step } from './runner.ts';

export function noSending(): Sending {
  return { cluster: false, flows: [], lastFlows: [], anyFlow: false, anyLastFlow: false };
}

/** Which flows may send a request to a cluster, by themselves or by others that they run. */
export class SendingFlows {
  readonly #flows: ReadonlyMap<string, readonly Step[]>;
  readonly #known = new Map<string, boolean>();

  constructor(flows: ReadonlyMap<string, readonly Step[]>) {
    this.#flows = flows;
  }

  /** Whether the flow may send the request; one that is not known may. */
  includes(flow: string): boolean {
    const known = this.#known.get(flow);
    if (known !== undefined) return known;
    // A flow that comes back to itself sends no more by that.
    this.#known.set(flow, false);
    const steps = this.#flows.get(flow);
    const sends = steps === undefined || steps.some(({ sending }) => this.#maySend(sending));
    this.#known.set(flow, sends);
    return sends;
  }

  /** Whether the request may have been sent when the step is over, and goes on. */
  passesOn({ sending }: Step): boolean {
    return sending !== null && this.#sendsAndPassesOn(sending) > 0;
  }

  /** Whether the request may be sent in step `at` and once more after that. */
  sendsAgain(steps: readonly Step[], at: number): boolean {
    const { sending, next } = steps[at] as Step;
    if (sending === null) return false;
    const times = this.#sendsAndPassesOn(sending);
    if (times === 0) return false;
    return times > 1 || this.#isReachable(steps, next);
  }

  #isReachable(steps: readonly Step[], from: number): boolean {
    const seen = new Set<number>();
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const step = steps[at];
      if (step === undefined || seen.has(at)) continue;
      seen.add(at);
      if (this.#maySend(step.sending)) return true;
      open.push(step.next);
      if (step.test !== null) open.push(step.otherwise);
    }
    return false;
  }

  #maySend(sending: Sending | null): boolean {
    if (sending === null) return false;
    if (this.#sendsAndPassesOn(sending) > 0 || sending.anyLastFlow) return true;
    return sending.lastFlows.some((flow) => this.includes(flow));
  }

  /** How many times a step may send the request, and go on with the next. */
  #sendsAndPassesOn({ cluster, flows, anyFlow }: Sending): number {
    const sending = flows.filter((flow) => this.includes(flow)).length;
    return sending + (cluster ? 1 : 0) + (anyFlow ? 1 : 0);
  }
}
