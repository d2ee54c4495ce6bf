import { ConfigError, renderProblem } from '../../config/problem.ts';
import { reasonOf } from '../../errors.ts';
import type { DrainStats } from '../reload/record.ts';
import { PendingInspections } from '../status/pending-inspections.ts';
import { HeldSocket, type SocketHandle } from '../sockets/bound-socket.ts';
import type { HeldListener } from '../sockets/listeners.ts';
import type { LeaseToHolder } from '../../shared-limits/messages.ts';
import type { LeaseHolder } from '../../shared-limits/primary/ledger.ts';
import type { LeaseKeeper } from '../../shared-limits/primary/lease-keeper.ts';
import type { SlotLimit } from '../../shared-limits/primary/slot-limits.ts';
import type { ReloadRecord } from '../reload/record.ts';
import type { Totals } from '../status/counters.ts';
import {
  type Inheritance,
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
/** Slots asked for at a time, at most. */
const BATCH = 256;

const hasEnded = 'the gateway to be replaced has ended';

/** What a predecessor's slots, workers and counts are added to. */
export interface PredecessorGround {
  readonly leases: LeaseKeeper;
  readonly totals: Totals;
  readonly account: DrainStats;
}

/**
 * The primary whose place this one takes, as this one sees it. Until it ends it keeps all slots and
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
  readonly #listeners = new Map<string, HeldListener & { readonly sockets: HeldSocket[] }>();
  readonly #inspections = new PendingInspections<PredecessorInspection>(inspectionTimeoutMs);
  #inheritance: Inheritance | null = null;
  #sockets = 0;
  #isGone = false;
  #hasOnlyStreams = false;
  /** Scopes whose limits it knows. */
  readonly #shared = new Set<string>();
  #ground: PredecessorGround | null = null;

  private constructor() {
    this.gone = this.#gone.promise;
    this.settled = this.#settled.promise;
    process.on('message', (message: ToSuccessor, handle: unknown) =>
      this.#onMessage(message, handle as SocketHandle),
    );
    process.once('disconnect', () => this.#onGone());
    if (!process.connected) this.#onGone();
  }

  /** The primary that started this one to be replaced by it, with all that it leaves; or null. */
  static async meet(): Promise<Predecessor | null> {
    const mark = process.env[successorMark];
    delete process.env[successorMark];
    if (mark === undefined || !process.send) return null;
    // What it has sent before it died may be a part of its sockets, on which nobody would accept.
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

  get inheritance(): Inheritance {
    if (!this.#inheritance) throw new Error('nothing was inherited');
    return this.#inheritance;
  }

  get listeners(): readonly HeldListener[] {
    return [...this.#listeners.values()];
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get hasOnlyStreams(): boolean {
    return this.#hasOnlyStreams;
  }

  /** From now on slots come from the predecessor, within these limits. */
  share(limits: readonly SlotLimit[], ground: PredecessorGround): void {
    this.#ground = ground;
    ground.leases.setLimits(limits);
    if (this.#isGone) return;
    ground.leases.delegate(this);
    this.addLimits(limits);
  }

  /**
   * Limits of a later configuration. It is told of scopes that are new to it, because it would take
   * them for unlimited; what changes about the others is this primary's alone to see to.
   */
  addLimits(limits: readonly SlotLimit[]): void {
    const added = limits.filter(({ scope }) => !this.#shared.has(scope));
    for (const { scope } of added) this.#shared.add(scope);
    if (added.length > 0) this.#tell({ type: 'limits', limits: added });
  }

  /** Every worker serves; settles when the predecessor lets this process take its place. */
  proved(): Promise<void> {
    this.#tell({ type: 'proved' });
    return this.#takeOver.promise;
  }

  taken(record: ReloadRecord): void {
    this.#tell({ type: 'taken', version, record });
  }

  /** Tells why this process cannot take its place. */
  failed(error: unknown): void {
    this.#tell({ type: 'failed', reason: renderFailure(error) });
  }

  stop(): void {
    this.#tell({ type: 'stop' });
  }

  endStreams(): void {
    this.#tell({ type: 'end-streams' });
  }

  endAtOnce(): void {
    this.#tell({ type: 'end-at-once' });
  }

  /** How the workers are that it still drains; null when it does not say so in time. */
  inspect(): Promise<PredecessorInspection | null> {
    if (this.#isGone) return Promise.resolve(null);
    return this.#inspections.request((id) => this.#tell({ type: 'inspect', id }));
  }

  /** Slots are granted to it when it asks for them back, and asked of it by a recall. */
  send(message: LeaseToHolder): void {
    const { kind, key } = message;
    if (kind !== 'slots') return;
    if (message.type === 'lease-recall') {
      this.#tell({ type: 'lease-request', kind, key, amount: BATCH });
    } else this.#tell({ type: 'lease-return', kind, key, amount: message.amount });
  }

  #onMessage(message: ToSuccessor, handle: SocketHandle): void {
    switch (message.type) {
      case 'inheritance':
        this.#onInheritance(message.inheritance);
        break;
      case 'socket':
        this.#adopt(message.socket, handle);
        break;
      case 'take-over':
        this.#ground?.totals.add(message.totals);
        this.#ground?.totals.addNodes(message.nodes ?? []);
        this.#takeOver.resolve();
        break;
      case 'lease-grant':
        this.#ground?.leases.return(this, { ...message, type: 'lease-return' });
        break;
      case 'lease-recall':
        if (this.#ground) this.#ground.leases.reclaim(this, message.key);
        else this.#tell({ ...message, type: 'lease-return', amount: 0 });
        break;
      case 'worker-gone':
        this.#ground?.account.add(message.drain);
        this.#ground?.totals.add(message.totals);
        this.#ground?.totals.addNodes(message.nodes ?? []);
        break;
      case 'only-streams':
        this.#settle();
        break;
      case 'inspection':
        this.#inspections.settle(message.id, message.inspection);
        break;
    }
  }

  #onInheritance(inheritance: Inheritance): void {
    this.#inheritance = inheritance;
    if (inheritance.protocol !== protocol) {
      const reason = `version ${version} cannot follow on version ${inheritance.version} without a restart`;
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
    listener.sockets.push(HeldSocket.adopt(host, port, handle));
    this.#sockets++;
    this.#look();
  }

  #settle(): void {
    this.#hasOnlyStreams = true;
    this.#settled.resolve();
  }

  #look(): void {
    if (this.#sockets === this.#inheritance?.sockets) this.#received.resolve();
  }

  #tell(message: ToPredecessor): void {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  /** It has ended, as it should or not: whatever it kept is this primary's. */
  #onGone(): void {
    this.#isGone = true;
    this.#settle();
    this.#received.reject(new Error(hasEnded));
    this.#received.promise.catch(() => {});
    this.#ground?.leases.remove(this);
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
