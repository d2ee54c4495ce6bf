import { ConfigError, renderProblem } from '../../config/problem.ts';
import { reasonOf } from '../../errors.ts';
import type { DrainStats } from '../reload/record.ts';
import { PendingInspections } from '../status/pending-inspections.ts';
import { BoundSocket, type SocketHandle } from '../sockets/bound-socket.ts';
import type { BoundListener } from '../sockets/listeners.ts';
import type { LeaseToHolder } from '../../shared-limits/messages.ts';
import type { LeaseHolder } from '../../shared-limits/primary/ledger.ts';
import type { LeaseKeeper } from '../../shared-limits/primary/lease-keeper.ts';
import type { SlotLimit } from '../../shared-limits/primary/slot-limits.ts';
import type { ReloadRecord } from '../reload/record.ts';
import type { Totals } from '../status/counters.ts';
import {
  type HandOff,
  type PredecessorInspection,
  protocol,
  type SocketDescription,
  type ToPredecessor,
  type ToSuccessor,
  successorMark,
} from './messages.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';
import { version } from '../../package.ts';

/** The other primary waits for its workers' inspections first. */
const inspectionTimeoutMs = 7000;
/** Slots in one request, at most. */
const slotsPerRequest = 256;

const hasEnded = 'the gateway to be replaced has ended';

/** Receives the slots and counts of the predecessor. */
export interface SharedState {
  readonly leases: LeaseKeeper;
  readonly totals: Totals;
  readonly account: DrainStats;
}

/**
 * The primary that this one replaces, as this one sees it. Until it ends it keeps all slots and
 * leases them to this one, so that limits on connections hold over the workers of both.
 */
export class Predecessor implements LeaseHolder {
  readonly pid = process.ppid;
  /** It holds slots alone. */
  readonly generation = { number: 0 };
  readonly gone: Promise<void>;
  readonly settled: Promise<void>;
  readonly #received = Promise.withResolvers<void>();
  readonly #takeOver = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  readonly #listeners = new Map<string, BoundListener & { readonly sockets: BoundSocket[] }>();
  readonly #inspections = new PendingInspections<PredecessorInspection>(inspectionTimeoutMs);
  #handOff: HandOff | null = null;
  #sockets = 0;
  #isGone = false;
  #hasOnlyStreams = false;
  /** Scopes whose limits it knows. */
  readonly #shared = new Set<string>();
  #sharedState: SharedState | null = null;

  private constructor() {
    this.gone = this.#gone.promise;
    this.settled = this.#settled.promise;
    process.on('message', (message: ToSuccessor, handle: unknown) =>
      this.#onMessage(message, handle as SocketHandle),
    );
    process.once('disconnect', () => this.#onGone());
    if (!process.connected) this.#onGone();
  }

  /** The primary that started this one, with everything that it hands off; null without one. */
  static async connect(): Promise<Predecessor | null> {
    const mark = process.env[successorMark];
    delete process.env[successorMark];
    if (mark === undefined || !process.send) return null;
    // It may have sent only some of its sockets before it died: nobody would accept on the others.
    if (mark !== `${process.ppid}`) throw new Error(hasEnded);
    const predecessor = new Predecessor();
    try {
      await predecessor.#received.promise;
    } catch (error) {
      if (process.connected) process.disconnect?.();
      throw error;
    }
    return predecessor;
  }

  get handOff(): HandOff {
    if (!this.#handOff) throw new Error('nothing was handed off');
    return this.#handOff;
  }

  get listeners(): readonly BoundListener[] {
    return [...this.#listeners.values()];
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get hasOnlyStreams(): boolean {
    return this.#hasOnlyStreams;
  }

  /** From now on slots come from the predecessor, within these limits. */
  share(limits: readonly SlotLimit[], shared: SharedState): void {
    this.#sharedState = shared;
    shared.leases.setLimits(limits);
    if (this.#isGone) return;
    shared.leases.delegate(this);
    this.addLimits(limits);
  }

  /**
   * Limits of a later configuration. Only scopes that are new to the predecessor are sent, which it
   * would take for unlimited; changes of the others concern this primary only.
   */
  addLimits(limits: readonly SlotLimit[]): void {
    const added = limits.filter(({ scope }) => !this.#shared.has(scope));
    for (const { scope } of added) this.#shared.add(scope);
    if (added.length > 0) this.#post({ type: 'limits', limits: added });
  }

  /** Every worker serves; settles when the predecessor hands its place over. */
  ready(): Promise<void> {
    this.#post({ type: 'proved' });
    return this.#takeOver.promise;
  }

  tookOver(record: ReloadRecord): void {
    this.#post({ type: 'taken', version, record });
  }

  /** Reports why this process cannot replace it. */
  failed(error: unknown): void {
    this.#post({ type: 'failed', reason: renderFailure(error) });
  }

  stop(): void {
    this.#post({ type: 'stop' });
  }

  endStreams(): void {
    this.#post({ type: 'end-streams' });
  }

  killNow(): void {
    this.#post({ type: 'end-at-once' });
  }

  /** The state of the workers that it still drains; null when it does not respond in time. */
  inspect(): Promise<PredecessorInspection | null> {
    if (this.#isGone) return Promise.resolve(null);
    return this.#inspections.request((id) => this.#post({ type: 'inspect', id }));
  }

  /** A grant to it returns slots that it has recalled; a recall from it requests some. */
  send(message: LeaseToHolder): void {
    const { kind, key } = message;
    if (kind !== 'slots') return;
    if (message.type === 'lease-recall') {
      this.#post({ type: 'lease-request', kind, key, amount: slotsPerRequest });
    } else this.#post({ type: 'lease-return', kind, key, amount: message.amount });
  }

  #onMessage(message: ToSuccessor, handle: SocketHandle): void {
    switch (message.type) {
      case 'inheritance':
        this.#onHandOff(message.inheritance);
        break;
      case 'socket':
        this.#adopt(message.socket, handle);
        break;
      case 'take-over':
        this.#sharedState?.totals.add(message.totals);
        this.#sharedState?.totals.addNodes(message.nodes ?? []);
        this.#takeOver.resolve();
        break;
      case 'lease-grant':
        this.#sharedState?.leases.return(this, { ...message, type: 'lease-return' });
        break;
      case 'lease-recall':
        if (this.#sharedState) this.#sharedState.leases.reclaim(this, message.key);
        else this.#post({ ...message, type: 'lease-return', amount: 0 });
        break;
      case 'worker-gone':
        this.#sharedState?.account.add(message.drain);
        this.#sharedState?.totals.add(message.totals);
        this.#sharedState?.totals.addNodes(message.nodes ?? []);
        break;
      case 'only-streams':
        this.#settle();
        break;
      case 'inspection':
        this.#inspections.settle(message.id, message.inspection);
        break;
    }
  }

  #onHandOff(handOff: HandOff): void {
    this.#handOff = handOff;
    if (handOff.protocol !== protocol) {
      const reason = `version ${version} cannot follow on version ${handOff.version} without a restart`;
      this.failed(reason);
      this.#received.reject(new Error(reason));
    }
    this.#look();
  }

  #adopt({ key, host, port, reusePort }: SocketDescription, handle: SocketHandle): void {
    let listener = this.#listeners.get(key);
    if (!listener) {
      listener = { key, host, port, reusePort, sockets: [] };
      this.#listeners.set(key, listener);
    }
    listener.sockets.push(BoundSocket.adopt(host, port, handle));
    this.#sockets++;
    this.#look();
  }

  #settle(): void {
    this.#hasOnlyStreams = true;
    this.#settled.resolve();
  }

  #look(): void {
    if (this.#sockets === this.#handOff?.sockets) this.#received.resolve();
  }

  #post(message: ToPredecessor): void {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  /** It has ended, as it should or not: whatever it kept is this primary's. */
  #onGone(): void {
    this.#isGone = true;
    this.#settle();
    this.#received.reject(new Error(hasEnded));
    this.#received.promise.catch(() => {});
    this.#sharedState?.leases.remove(this);
    this.#inspections.abandon();
    this.#takeOver.resolve();
    standardOutput().keepNonBlocking();
    this.#gone.resolve();
  }
}

function renderFailure(error: unknown): string {
  if (!(error instanceof ConfigError)) return reasonOf(error);
  return error.problems.map(renderProblem).join('\n');
}
