/** What the clients saw, counted. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { now } from './clock.ts';
import type { FailureKind } from './connection.ts';

/** Before the first disturbance, or with them. */
export type Phase = 'before' | 'with';

export interface FailureRecord {
  /** Kind of client. */
  readonly client: string;
  readonly kind: FailureKind | 'idle-reset';
  readonly detail: string;
  /** The client's port; 0 when there was no connection. */
  readonly port: number;
  /** Answers that had come by this connection. */
  readonly served: number;
  /** Times on the monotonic clock, ms. */
  readonly openedAt: number;
  readonly sentAt: number;
  readonly at: number;
}

export interface PhaseReport {
  readonly answered: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The longest time in which not one client of the kind got an answer, ms. */
  readonly gap: number;
}

export interface TallyReport {
  readonly clients: Record<string, Record<Phase, PhaseReport>>;
  readonly failures: readonly FailureRecord[];
  /** The longest that this process itself was not served, which bounds what latencies can tell, ms. */
  readonly ownDelay: number;
}

class PhaseTally {
  answered = 0;
  gap = 0;
  #lastAnswer = now();
  #latency: RecordableHistogram = createHistogram({ figures: 3 });

  add(latency: number): void {
    this.answered += 1;
    this.#latency.record(Math.max(1, Math.round(latency * 1000)));
    this.touch();
  }

  touch(): void {
    const at = now();
    this.gap = Math.max(this.gap, at - this.#lastAnswer);
    this.#lastAnswer = at;
  }

  report(): PhaseReport {
    const milliseconds = (value: number): number => (this.answered > 0 ? value / 1000 : 0);
    return {
      answered: this.answered,
      p50: milliseconds(this.#latency.percentile(50)),
      p99: milliseconds(this.#latency.percentile(99)),
      max: milliseconds(this.#latency.max),
      gap: this.gap,
    };
  }
}

export class Tally {
  readonly failures: FailureRecord[] = [];
  readonly #phases = new Map<string, Partial<Record<Phase, PhaseTally>>>();
  #phase: Phase = 'before';

  /** Starts a phase for these kinds of clients, and ends the one before. */
  enter(phase: Phase, kinds: Iterable<string>): void {
    this.finish();
    this.#phase = phase;
    for (const kind of kinds) {
      this.#phases.set(kind, { ...this.#phases.get(kind), [phase]: new PhaseTally() });
    }
  }

  /** The end of the phase also ends the last gap. */
  finish(): void {
    for (const phases of this.#phases.values()) phases[this.#phase]?.touch();
  }

  answered(client: string, latency: number): void {
    this.#phases.get(client)?.[this.#phase]?.add(latency);
  }

  failed(failure: FailureRecord): void {
    this.failures.push(failure);
  }

  report(ownDelay: number): TallyReport {
    const clients: TallyReport['clients'] = {};
    for (const [kind, phases] of this.#phases) {
      const empty = new PhaseTally();
      clients[kind] = {
        before: (phases.before ?? empty).report(),
        with: (phases.with ?? empty).report(),
      };
    }
    return { clients, failures: this.failures, ownDelay };
  }
}
