import { type Timed, clock } from '../../runtime/deadline-timers.ts';
import type { EntryLimits } from '../../config/types.ts';
import type { ClientIntake } from '../connection/write-progress.ts';

/** For how long an answer may make no progress, where read_timeout sets no limit, ms. */
const usualPatienceMs = 30_000;

/** Something that a session waits for. */
export type Awaited = 'nothing' | 'head' | 'request' | 'body' | 'answer';

/** A session; `late` reports input that did not arrive in time. */
export interface TimedSession {
  late(awaited: Awaited): void;
}

/** Times the one thing that a session waits for: a number for each wait, instead of a timer. */
export class SessionTimer implements Timed {
  deadline = Infinity;
  place = -1;
  readonly #session: TimedSession;
  readonly #limits: EntryLimits;
  #awaited: Awaited = 'nothing';
  /** When the body has to be complete, in the clock's time. */
  #bodyDeadline = Infinity;

  readonly #intake: ClientIntake;
  /** Bytes that the client had taken when its answer was looked at last. */
  #taken = 0;

  constructor(session: TimedSession, limits: EntryLimits, intake: ClientIntake) {
    this.#session = session;
    this.#limits = limits;
    this.#intake = intake;
  }

  start(): void {
    clock.add(this);
  }

  stop(): void {
    clock.delete(this);
  }

  clear(): void {
    this.#wait('nothing', Infinity);
  }

  /** The rest of a head. */
  awaitHead(): void {
    const { head_timeout, request_timeout } = this.#limits;
    this.#wait('head', Math.min(clock.deadline(head_timeout), clock.deadline(request_timeout)));
  }

  /** The next request. */
  awaitRequest(): void {
    this.#wait('request', clock.deadline(this.#limits.idle_timeout));
  }

  /** A body begins to arrive. */
  beginBody(): void {
    this.#bodyDeadline = clock.deadline(this.#limits.request_timeout);
  }

  /** More of the body; `isAsked` when it is the client's turn, whose silence then counts. */
  awaitBody(isAsked: boolean): void {
    const silence = isAsked ? clock.deadline(this.#limits.read_timeout) : Infinity;
    this.#wait('body', Math.min(this.#bodyDeadline, silence));
  }

  /** The answer to a client that may have gone: it has to be taken. */
  awaitAnswer(): void {
    this.#taken = this.#intake.taken;
    this.#wait('answer', clock.deadline(this.#limits.read_timeout || usualPatienceMs));
  }

  expire(): void {
    if (this.#awaited === 'answer' && this.#isTaken) this.awaitAnswer();
    else this.#session.late(this.#awaited);
  }

  /** Whether the answer goes on. One that its client takes too slowly is write_timeout's matter. */
  get #isTaken(): boolean {
    return this.#intake.taken !== this.#taken || this.#intake.waiting;
  }

  #wait(awaited: Awaited, deadline: number): void {
    this.#awaited = awaited;
    this.deadline = deadline;
  }
}
