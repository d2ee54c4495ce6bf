import { type DrainCause, longestDrainMs } from '../../config/drain-time.ts';
import type { Worker } from 'node:cluster';
import { type ErrorCode, GatewayError } from '../../errors.ts';
import type { ClusterInspection, ClusterObservation } from '../../ipc/cluster-state.ts';
import type {
  DrainReport,
  EntryInspection,
  LostLines,
  ToPrimary,
  ToWorker,
  WorkerInspection,
} from '../../ipc/messages.ts';
import type { LeaseToKeeper } from '../../shared-limits/messages.ts';
import type { LeaseHolder } from '../../shared-limits/primary/ledger.ts';
import type { Generation } from '../generation.ts';
import { type AssignedSocket, socketsOf } from '../sockets/listeners.ts';
import { PendingInspections } from '../status/pending-inspections.ts';
import { assignmentFor, type PoolState } from './assignment.ts';
import { Silence } from './heartbeats.ts';
import { identify, type ProcessIdentity } from './process-activity.ts';
import type { WorkerProcess } from './spawner.ts';

export type WorkerStage = 'starting' | 'ready' | 'draining' | 'gone';

export interface WorkerExit {
  /** Whether the signal was the gateway's own. */
  readonly asked?: boolean;
  readonly code: number | null;
  readonly signal: string | null;
}

/** Why a start failed: the worker reported it, has another version, ended, or took too long. */
export type StartFailure = 'refused' | 'outdated' | 'died' | 'late';

type LastCounts = Pick<WorkerInspection, 'entries' | 'clusters' | 'lostLines'>;

/** Takes the events of a worker that concern more than its handle. */
export interface WorkerListener {
  /** The state that a new worker begins with. */
  currentState(): PoolState;
  onLease(worker: WorkerHandle, message: LeaseToKeeper): void;
  onClusterObserved(worker: WorkerHandle, observation: ClusterObservation): void;
  onClusterCheckWanted(cluster: string): void;
  onLeaving(worker: WorkerHandle): void;
  /** It no longer counts as one that serves, or does so again. */
  onResponsiveness(worker: WorkerHandle): void;
  /** It ended in this stage. */
  onGone(worker: WorkerHandle, exit: WorkerExit, stage: WorkerStage): void;
}

const inspectionTimeoutMs = 5000;
const outdated: ErrorCode = 'PROGRAM_REPLACED';
/** Time of a draining worker beyond its entries' longest drain.timeout. */
const drainSlackMs = 5000;

/** One worker as the primary sees it. The other side, in the worker, is WorkerProcess. */
export class WorkerHandle implements LeaseHolder {
  readonly slot: number;
  readonly generation: Generation;
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly sockets: readonly AssignedSocket[];
  /** performance.now() */
  readonly startedAt = performance.now();
  /** Settles when the worker serves. @throws WORKER_NOT_READY */
  readonly ready: Promise<void>;
  readonly gone: Promise<WorkerExit>;
  /** Settles when it accepts no new connections any more. */
  readonly closedToNew: Promise<void>;
  /** Settles when, draining, it has only streams left, or has ended. */
  readonly settled: Promise<void>;
  hasOnlyStreams = false;
  /** Resident memory when it last gave a sign of life, bytes. */
  memory = 0;
  stage: WorkerStage = 'starting';
  readonly silence = new Silence();
  /** Killed, because it was silent for too long. */
  hung = false;
  /** performance.now() of the request to drain, or 0. */
  drainingSince = 0;
  startFailure: StartFailure | null = null;
  drainReport: DrainReport | null = null;
  /** Its latest counts. */
  counts: readonly EntryInspection[] = [];
  /** The latest state of its clusters. */
  clusters: readonly ClusterInspection[] = [];
  /** Log lines that it has lost, by the latest report. */
  lostLines: LostLines = {};
  readonly #worker: Worker;
  readonly #listener: WorkerListener;
  readonly #ready = Promise.withResolvers<void>();
  readonly #closedToNew = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<WorkerExit>();
  readonly #inspections = new PendingInspections<WorkerInspection>(inspectionTimeoutMs);
  /** Sockets of other workers that it accepts from. */
  readonly #borrowed = new Set<number>();
  #killed = false;
  #responsive = true;
  #endsStreams = false;
  /** Its progress while it starts, in words. */
  #doing = 'still loading the program';
  #deadline: NodeJS.Timeout | undefined;

  constructor(
    { worker, online }: WorkerProcess,
    generation: Generation,
    slot: number,
    listener: WorkerListener,
  ) {
    this.#worker = worker;
    this.#listener = listener;
    this.slot = slot;
    this.generation = generation;
    this.pid = worker.process.pid ?? 0;
    this.identity = identify(this.pid);
    this.sockets = socketsOf(generation.plan, slot);
    this.ready = this.#ready.promise;
    this.gone = this.#gone.promise;
    this.closedToNew = this.#closedToNew.promise;
    this.settled = this.#settled.promise;
    // Nobody need wait for it: a rejection that is not handled is no fault.
    this.ready.catch(() => {});
    worker.on('message', (message: ToPrimary) => this.#onMessage(message));
    worker.on('error', () => {
      // Without a process there is no exit to come.
      if (worker.process.pid === undefined) this.#onExit({ code: null, signal: null });
    });
    worker.once('exit', (code, signal) => this.#onExit({ code, signal, asked: this.#killed }));
    const { readyTimeoutMs } = generation;
    this.#deadline = setTimeout(
      () => this.#failStart('late', `after ${readyTimeoutMs / 1000} s it was ${this.#doing}`),
      readyTimeoutMs,
    );
    if (online) this.#assign();
  }

  setResponsive(responsive: boolean): void {
    if (this.#responsive === responsive) return;
    this.#responsive = responsive;
    this.#listener.onResponsiveness(this);
  }

  /** Whether it has given a sign of life recently. */
  get responsive(): boolean {
    return this.#responsive;
  }

  /** Silence after which it is killed, ms; 0 for never. */
  get heartbeatTimeout(): number {
    return this.generation.config.supervision.heartbeat_timeout;
  }

  /** Whether it accepts connections now. */
  get serves(): boolean {
    return this.stage === 'ready' && this.responsive;
  }

  /** Lets it finish what it has; KILL when it exceeds the time that its entries allow, if any. */
  drain(cause: DrainCause): void {
    if (this.stage === 'gone' || (this.stage === 'draining' && cause === 'replaced')) return;
    if (this.stage === 'starting') {
      this.kill();
      return;
    }
    if (this.stage !== 'draining') this.drainingSince = performance.now();
    this.stage = 'draining';
    this.send({ type: 'drain', cause });
    this.#killAfter(longestDrainMs(this.generation.config, cause));
  }

  /** Makes it end the streams that are left; KILL when it does not. */
  endStreams(): void {
    if (this.stage !== 'draining' || this.#endsStreams) return;
    this.#endsStreams = true;
    this.send({ type: 'end-streams' });
    const { entry } = this.generation.config;
    this.#killAfter(Math.max(0, ...entry.map(({ drain }) => 3 * drain.idle)));
  }

  #killAfter(timeMs: number): void {
    if (timeMs === Infinity) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.kill(), timeMs + drainSlackMs);
  }

  kill(): void {
    this.#killed = true;
    this.#worker.process.kill('SIGKILL');
  }

  /** Its state, or null when it does not respond in time. */
  inspect(): Promise<WorkerInspection | null> {
    if (!this.responsive) return Promise.resolve(null);
    if (this.stage === 'starting' || this.stage === 'gone') return Promise.resolve(null);
    return this.#inspections.request((id) => this.send({ type: 'inspect', id }));
  }

  /** Makes it accept from a socket of another worker as well, until it drains. */
  lend(assigned: AssignedSocket): void {
    const { entry, socket } = assigned;
    if (this.#borrowed.has(socket.id) || this.sockets.some((own) => own.socket === socket)) return;
    this.#borrowed.add(socket.id);
    this.send({ type: 'socket', entry, id: socket.id }, assigned);
  }

  send(message: ToWorker, socket?: AssignedSocket): void {
    if (!this.#worker.isConnected()) return;
    // If the worker dies meanwhile, `exit` follows.
    this.#worker.send(message, socket?.socket.handle, () => {});
  }

  #onMessage(message: ToPrimary): void {
    this.silence.end();
    this.setResponsive(true);
    switch (message.type) {
      case 'beat':
        this.memory = message.memory;
        break;
      case 'ping':
        this.send({ type: 'pong' });
        break;
      case 'online':
        this.#assign();
        break;
      case 'progress':
        this.#doing = message.doing;
        break;
      case 'ready':
        if (this.stage !== 'starting') break;
        clearTimeout(this.#deadline);
        this.stage = 'ready';
        this.#ready.resolve();
        break;
      case 'failed':
        this.#failStart(message.code === outdated ? 'outdated' : 'refused', message.reason);
        break;
      case 'leaving':
        this.#listener.onLeaving(this);
        break;
      case 'closed-to-new':
        this.#closedToNew.resolve();
        break;
      case 'only-streams':
        this.hasOnlyStreams = true;
        this.#settled.resolve();
        break;
      case 'lease-request':
      case 'lease-return':
      case 'lease-settle':
        this.#listener.onLease(this, message);
        break;
      case 'cluster-observed':
        this.#listener.onClusterObserved(this, message.observation);
        break;
      case 'cluster-check-wanted':
        this.#listener.onClusterCheckWanted(message.cluster);
        break;
      case 'inspection':
        this.#keepCounts(message.inspection);
        this.#inspections.settle(message.id, message.inspection);
        break;
      case 'drained':
        this.drainReport = message.drain;
        this.#keepCounts(message);
        break;
    }
  }

  #assign(): void {
    const { slot, generation, sockets } = this;
    const state = this.#listener.currentState();
    this.send({ type: 'start', assignment: assignmentFor(slot, generation, sockets, state) });
    for (const assigned of sockets) {
      const { entry, socket, handles } = assigned;
      for (let i = 0; i < handles; i++) {
        this.send({ type: 'socket', entry, id: socket.id }, assigned);
      }
    }
  }

  #failStart(failure: StartFailure, reason: string): void {
    if (this.stage !== 'starting') return;
    this.startFailure ??= failure;
    this.#ready.reject(new GatewayError('WORKER_NOT_READY', { slot: this.slot, reason }));
    this.kill();
  }

  #keepCounts({ entries, clusters, lostLines }: LastCounts): void {
    this.counts = entries;
    this.clusters = clusters;
    this.lostLines = lostLines;
  }

  #onExit(exit: WorkerExit): void {
    clearTimeout(this.#deadline);
    this.#failStart('died', `it ended ${describeExit(exit)}`);
    this.#inspections.abandon();
    const { stage } = this;
    this.stage = 'gone';
    this.#closedToNew.resolve();
    this.#settled.resolve();
    this.#gone.resolve(exit);
    this.#listener.onGone(this, exit, stage);
  }
}

/** `with code 1`, `by SIGKILL`. */
export function describeExit({ code, signal, asked }: WorkerExit): string {
  if (signal === 'SIGKILL' && asked === false) {
    return 'by SIGKILL, which the gateway did not send: the system may have run out of memory';
  }
  if (signal) return `by ${signal}`;
  return code === null ? 'before it began' : `with code ${code}`;
}
