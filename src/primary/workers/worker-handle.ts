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
import type { LimitMessage } from '../../shared-limits/primary/limit-keeper.ts';
import { type Generation, slotsOf } from '../generation.ts';
import { type AssignedSocket, socketsOf } from '../sockets/listeners.ts';
import { version } from '../../package.ts';
import { beatInterval, Silence } from './heartbeats.ts';
import { identify, type ProcessIdentity } from './process-activity.ts';
import { ownOutputOfWorkers, type WorkerProcess } from './spawner.ts';

export type WorkerStage = 'starting' | 'ready' | 'draining' | 'gone';

export interface WorkerExit {
  /** Whether the signal was the gateway's own. */
  readonly asked?: boolean;
  readonly code: number | null;
  readonly signal: string | null;
}

/** How a start failed: the worker said so, is of another version, ended, or took too long. */
export type StartFailure = 'refused' | 'outdated' | 'died' | 'late';

/** What a worker makes happen beyond its own handle. */
export interface WorkerListener {
  /** Of TLS session tickets, as it is now. */
  readonly ticketKeys: Uint8Array;
  /** What a new worker is told of clusters. */
  readonly observations: { readonly latest: readonly ClusterObservation[] };
  onLimitMessage(worker: WorkerHandle, message: LimitMessage): void;
  onClusterObserved(worker: WorkerHandle, observation: ClusterObservation): void;
  onClusterCheckWanted(cluster: string): void;
  onLeaving(worker: WorkerHandle): void;
  /** It no longer counts as one that serves, or does so again. */
  onResponsiveness(worker: WorkerHandle): void;
  /** It ended; `was` is the stage it ended in. */
  onGone(worker: WorkerHandle, exit: WorkerExit, was: WorkerStage): void;
}

/** How long a worker is waited for when it is asked how it is, ms. */
const INSPECTION_TIMEOUT = 5000;
const outdated: ErrorCode = 'PROGRAM_REPLACED';
/** What a draining worker gets beyond its entries' longest drain.timeout, ms. */
const DRAIN_SLACK = 5000;

/** One worker as the primary sees it. */
export class WorkerHandle {
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
  /** It was silent for too long, and was killed. */
  hung = false;
  /** When it was told to drain, in performance.now() time, or 0. */
  drainingSince = 0;
  startFailure: StartFailure | null = null;
  drainReport: DrainReport | null = null;
  /** Its counts when it last told them. */
  counts: readonly EntryInspection[] = [];
  /** Its clusters when it last told of them. */
  clusters: readonly ClusterInspection[] = [];
  /** Log lines that it had lost when it last told. */
  lostLines: LostLines = {};
  readonly #worker: Worker;
  readonly #listener: WorkerListener;
  readonly #ready = Promise.withResolvers<void>();
  readonly #closedToNew = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<WorkerExit>();
  readonly #inspections = new Map<number, (inspection: WorkerInspection | null) => void>();
  /** Sockets of others that it accepts from. */
  readonly #borrowed = new Set<number>();
  #lastInspection = 0;
  #killed = false;
  #responsive = true;
  #endsStreams = false;
  /** What it is busy with while it starts. */
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
    // Who waits for it is told; that nobody does is no fault.
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

  /** Whether it has given a sign of life lately. */
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

  /** Lets it finish what it has; KILL when it outlasts the time that its entries give, if any. */
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

  /** Has it end the streams that keep it; KILL when it lives on all the same. */
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
    this.#deadline = setTimeout(() => this.kill(), timeMs + DRAIN_SLACK);
  }

  kill(): void {
    this.#killed = true;
    this.#worker.process.kill('SIGKILL');
  }

  /** How it is, or null when it does not say so in time. */
  inspect(): Promise<WorkerInspection | null> {
    if (!this.responsive) return Promise.resolve(null);
    if (this.stage === 'starting' || this.stage === 'gone') return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<WorkerInspection | null>();
    const id = ++this.#lastInspection;
    const timer = setTimeout(() => this.#onInspection(id, null), INSPECTION_TIMEOUT);
    this.#inspections.set(id, (inspection) => {
      clearTimeout(timer);
      resolve(inspection);
    });
    this.send({ type: 'inspect', id });
    return promise;
  }

  /** Has it accept from a socket of another worker, too, from now until it drains. */
  lend(assigned: AssignedSocket): void {
    const { entry, socket } = assigned;
    if (this.#borrowed.has(socket.id) || this.sockets.some((own) => own.socket === socket)) return;
    this.#borrowed.add(socket.id);
    this.send({ type: 'socket', entry, id: socket.id }, assigned);
  }

  grantPermits(entry: string, count: number): void {
    this.send({ type: 'permits-granted', entry, count });
  }

  recallPermits(entry: string): void {
    this.send({ type: 'permits-recalled', entry });
  }

  send(message: ToWorker, socket?: AssignedSocket): void {
    if (!this.#worker.isConnected()) return;
    // A worker that dies meanwhile is noticed by its exit.
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
      case 'permits-wanted':
      case 'permits-taken':
      case 'permits-returned':
      case 'quota-wanted':
      case 'limit-wanted':
      case 'limit-returned':
        this.#listener.onLimitMessage(this, message);
        break;
      case 'cluster-observed':
        this.#listener.onClusterObserved(this, message.observation);
        break;
      case 'cluster-check-wanted':
        this.#listener.onClusterCheckWanted(message.cluster);
        break;
      case 'inspection':
        this.#onInspection(message.id, message.inspection);
        break;
      case 'drained':
        this.drainReport = message.drain;
        this.counts = message.entries;
        this.clusters = message.clusters;
        this.lostLines = message.lostLines;
        break;
    }
  }

  #assign(): void {
    const { slot, sockets } = this;
    const { number, config, credentials } = this.generation;
    const assignment = {
      version,
      slot,
      workers: slotsOf(this.generation),
      generation: number,
      config,
      credentials: credentials.entries,
      ticketKeys: this.#listener.ticketKeys,
      handles: sockets.reduce((sum, { handles }) => sum + handles, 0),
      observations: this.#listener.observations.latest,
      ownOutput: ownOutputOfWorkers(),
      beatMs: this.heartbeatTimeout === 0 ? 0 : beatInterval(this.heartbeatTimeout),
    };
    this.send({ type: 'start', assignment });
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

  #onInspection(id: number, inspection: WorkerInspection | null): void {
    if (inspection) {
      this.counts = inspection.entries;
      this.clusters = inspection.clusters;
      this.lostLines = inspection.lostLines;
    }
    this.#inspections.get(id)?.(inspection);
    this.#inspections.delete(id);
  }

  #onExit(exit: WorkerExit): void {
    clearTimeout(this.#deadline);
    this.#failStart('died', `it ended ${describeExit(exit)}`);
    for (const id of this.#inspections.keys()) this.#onInspection(id, null);
    const was = this.stage;
    this.stage = 'gone';
    this.#closedToNew.resolve();
    this.#settled.resolve();
    this.#gone.resolve(exit);
    this.#listener.onGone(this, exit, was);
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
