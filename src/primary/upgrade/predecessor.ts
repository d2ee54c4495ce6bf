import { ConfigError, renderProblem } from '../../config/problem.ts';
import { reasonOf } from '../../errors.ts';
import type { DrainStats } from '../reload/record.ts';
import { PendingInspections } from '../status/pending-inspections.ts';
import { HeldSocket, type SocketHandle } from '../sockets/bound-socket.ts';
import type { HeldListener } from '../sockets/listeners.ts';
import type { PermitLimits } from '../../shared-limits/primary/slot-limits.ts';
import type { PermitHolder, Permits } from '../../shared-limits/primary/connection-slots.ts';
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
/** Permits asked for at a time, at most. */
const BATCH = 256;

const hasEnded = 'the gateway to be replaced has ended';

/** What a predecessor's permits, workers and counts are added to. */
export interface PredecessorGround {
  readonly permits: Permits;
  readonly totals: Totals;
  readonly account: DrainStats;
}

/**
 * The primary whose place this one takes, as this one sees it. Until it ends it keeps the permits of
 * every entry and lends them to this one, so that limits on connections hold over the workers of both.
 */
export class Predecessor implements PermitHolder {
  readonly pid = process.ppid;
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
  /** Names whose limits it knows. */
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

  /** From now on permits come from the predecessor, within these limits. */
  share(limits: readonly PermitLimits[], ground: PredecessorGround): void {
    this.#ground = ground;
    ground.permits.setLimits(limits);
    if (this.#isGone) return;
    ground.permits.entrust(this);
    this.addLimits(limits);
  }

  /**
   * Limits of a later configuration. It is told of names that are new to it, because it would take
   * them for unlimited; what changes about the others is this primary's alone to see to.
   */
  addLimits(limits: readonly PermitLimits[]): void {
    const added = limits.filter(({ name }) => !this.#shared.has(name));
    for (const { name } of added) this.#shared.add(name);
    if (added.length > 0) this.#send({ type: 'limits', limits: added });
  }

  /** Every worker serves; settles when the predecessor lets this process take its place. */
  proved(): Promise<void> {
    this.#send({ type: 'proved' });
    return this.#takeOver.promise;
  }

  taken(record: ReloadRecord): void {
    this.#send({ type: 'taken', version, record });
  }

  /** Tells why this process cannot take its place. */
  failed(error: unknown): void {
    this.#send({ type: 'failed', reason: renderFailure(error) });
  }

  stop(): void {
    this.#send({ type: 'stop' });
  }

  endStreams(): void {
    this.#send({ type: 'end-streams' });
  }

  endAtOnce(): void {
    this.#send({ type: 'end-at-once' });
  }

  /** How the workers are that it still drains; null when it does not say so in time. */
  inspect(): Promise<PredecessorInspection | null> {
    if (this.#isGone) return Promise.resolve(null);
    return this.#inspections.request((id) => this.#send({ type: 'inspect', id }));
  }

  /** Permits are granted to it when it asks for them back. */
  grantPermits(entry: string, count: number): void {
    this.#send({ type: 'permits-returned', entry, count });
  }

  recallPermits(entry: string): void {
    this.#send({ type: 'permits-wanted', entry, count: BATCH });
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
      case 'permits-granted':
        this.#ground?.permits.returned(this, message.entry, message.count);
        break;
      case 'permits-recalled':
        if (this.#ground) this.#ground.permits.reclaim(this, message.entry);
        else this.grantPermits(message.entry, 0);
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

  #send(message: ToPredecessor): void {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  /** It has ended, as it should or not: whatever it kept is this primary's. */
  #onGone(): void {
    this.#isGone = true;
    this.#settle();
    this.#received.reject(new Error(hasEnded));
    this.#received.promise.catch(() => {});
    this.#ground?.permits.remove(this);
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
