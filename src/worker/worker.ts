import cluster from 'node:cluster';
import { type DrainCause, longestDrainMs } from '../config/drain-time.ts';
import type { GatewayConfig } from '../config/types.ts';
import { GatewayError, reasonOf } from '../errors.ts';
import type { ToPrimary, ToWorker, WorkerAssignment } from '../ipc/messages.ts';
import { createLog, type Log } from '../log.ts';
import { closedMark, workerTitle } from '../ipc/process-marks.ts';
import { version } from '../package.ts';
import { outlivePrimary } from '../runtime/processes/orphaned-worker.ts';
import { standardOutput } from '../runtime/lines/standard-output.ts';
import type { RequestServer, WorkerServices } from './serving.ts';
import { LeaseClient } from '../shared-limits/worker/lease-client.ts';

/** Builds everything that a worker serves. */
export type BuildServing = (
  config: GatewayConfig,
  services: WorkerServices,
) => Promise<RequestServer>;

/** Sockets after which a worker that starts reports its progress. */
const socketsPerProgress = 32;
/** How long a worker that received TERM waits for its replacement. */
const replacementTimeoutMs = 30_000;
/** Time of an orphan beyond its entries' longest drain.timeout before it ends anyway. */
const orphanSlackMs = 5000;

/**
 * Runs this process as a worker until the primary ends it. Needs node:cluster's channel. The
 * primary's side of it is WorkerHandle.
 */
export function runWorker(build: BuildServing): void {
  new WorkerProcess(build).run();
}

/** Stages: online → built and self-tested → listening (`ready`) → draining → gone. */
class WorkerProcess {
  readonly #build: BuildServing;
  #assignment: WorkerAssignment | null = null;
  #serving: RequestServer | null = null;
  #log: Log | null = null;
  #listening = 0;
  #draining = false;
  #ticketKeys: Buffer | null = null;
  /** Sockets that arrived before there was something to serve on them. */
  readonly #early: { entry: string; handle: unknown }[] = [];
  #leases: LeaseClient | null = null;
  #isOrphan = false;

  constructor(build: BuildServing) {
    this.#build = build;
  }

  run(): void {
    // Signals that a terminal or a supervisor sends to the whole process group are for the primary.
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGUSR2'] as const) process.on(signal, () => {});
    process.on('SIGTERM', () => this.#leave());
    process.on('uncaughtException', (error) => {
      this.#log?.fatal({ error }, 'worker crashed');
      if (!this.#log) console.error(error);
      process.exit(1);
    });
    process.on('message', (message: ToWorker, handle: unknown) => this.#onMessage(message, handle));
    cluster.worker?.on('disconnect', () => this.#onOrphaned());
    this.#send({ type: 'online' });
  }

  #onMessage(message: ToWorker, handle: unknown): void {
    this.#leases?.primaryHeard();
    switch (message.type) {
      case 'start':
        this.#start(message.assignment).catch((error: unknown) => this.#fail(error));
        break;
      case 'socket':
        this.#early.push({ entry: message.entry, handle });
        if (this.#serving) this.#listen(this.#serving).catch((error: unknown) => this.#fail(error));
        break;
      case 'drain':
        void this.#drain(message.cause);
        break;
      case 'end-streams':
        this.#serving?.endStreams();
        break;
      case 'ticket-keys':
        this.#ticketKeys = Buffer.from(message.keys);
        this.#serving?.setTicketKeys(this.#ticketKeys);
        break;
      case 'observe':
        this.#serving?.clusters.observe(message.on);
        break;
      case 'cluster-observed':
        this.#serving?.clusters.take(message.observation);
        break;
      case 'cluster-check':
        this.#serving?.clusters.check(message.cluster);
        break;
      case 'inspect':
        if (!this.#serving) break;
        this.#send({ type: 'inspection', id: message.id, inspection: this.#serving.inspect() });
        break;
      case 'lease-grant':
      case 'lease-recall':
        this.#leases?.receive(message);
        break;
      case 'pong':
        break;
    }
  }

  async #start(assignment: WorkerAssignment): Promise<void> {
    const { version: running, slot, workers, generation } = assignment;
    const { config, credentials, ticketKeys } = assignment;
    if (running !== version) {
      throw new GatewayError('PROGRAM_REPLACED', { installed: version, running });
    }
    this.#assignment = assignment;
    this.#setTitle('');
    const log = createLog(config.log.level, { worker: slot, generation });
    this.#log = log;
    this.#ticketKeys ??= Buffer.from(ticketKeys);
    const leases = new LeaseClient(config, workers, (message) => this.#send(message));
    this.#leases = leases;
    this.#send({ type: 'progress', doing: 'still building flows and clusters' });
    const serving = await this.#build(config, {
      log,
      credentials,
      ticketKeys: this.#ticketKeys,
      leases,
      clusterObserved: (observation) => this.#send({ type: 'cluster-observed', observation }),
      wantClusterCheck: (name) => {
        if (this.#isOrphan) this.#serving?.clusters.check(name);
        else this.#send({ type: 'cluster-check-wanted', cluster: name });
      },
    });
    for (const observation of assignment.observations) serving.clusters.take(observation);
    this.#serving = serving;
    // They may have changed meanwhile.
    serving.setTicketKeys(this.#ticketKeys);
    this.#send({ type: 'progress', doing: 'still answering a request to itself' });
    await serving.selfTest();
    await this.#listen(serving);
  }

  /** Listens on the sockets that have arrived; the last assigned handle makes the worker ready. */
  async #listen(serving: RequestServer): Promise<void> {
    for (let next = this.#early.shift(); next; next = this.#early.shift()) {
      const { entry, handle } = next;
      try {
        await serving.listen(entry, handle);
      } catch (error) {
        const reason = reasonOf(error);
        throw new GatewayError(
          'BIND_FAILED',
          { who: `entry ${entry}`, address: 'its address', reason },
          error,
        );
      }
      this.#listening++;
    }
    const { handles = 0, beatMs = 0 } = this.#assignment ?? {};
    if (this.#listening !== handles) {
      if (this.#listening % socketsPerProgress > 0) return;
      const doing = `still opening its sockets, of which ${this.#listening} of ${handles} were open; if there are no more to come, the limit on open files is too low`;
      this.#send({ type: 'progress', doing });
      return;
    }
    this.#send({ type: 'ready' });
    if (beatMs > 0) this.#beat(beatMs);
  }

  /** Reports that the event loop turns, unless the primary has not read the last report. */
  #beat(everyMs: number): void {
    let unread = false;
    setInterval(() => {
      if (unread || !process.connected) return;
      unread = true;
      const memory = process.memoryUsage.rss();
      this.#send({ type: 'beat', memory }, () => (unread = false));
    }, everyMs).unref();
  }

  #fail(error: unknown): void {
    const code = error instanceof GatewayError ? error.code : 'WORKER_NOT_READY';
    this.#send({ type: 'failed', code, reason: reasonOf(error) }, () => process.exit(1));
  }

  /** TERM to this worker alone: it serves on until another one has replaced it. */
  #leave(): void {
    if (!this.#serving) process.exit(0);
    if (this.#draining) return;
    if (this.#isOrphan) {
      void this.#drain('stopping');
      return;
    }
    this.#send({ type: 'leaving' });
    setTimeout(() => void this.#drain('replaced'), replacementTimeoutMs).unref();
  }

  async #drain(cause: DrainCause): Promise<void> {
    if (!this.#serving) return;
    if (this.#draining) {
      if (cause === 'stopping') this.#serving.stopDraining();
      return;
    }
    this.#draining = true;
    this.#setTitle('draining');
    const drain = await this.#serving.drain({
      cause,
      closedToNew: () => {
        this.#setTitle(closedMark);
        this.#send({ type: 'closed-to-new' });
      },
      onlyStreams: () => this.#send({ type: 'only-streams' }),
    });
    const { entries, clusters, lostLines } = this.#serving.inspect();
    this.#serving.close();
    this.#send({ type: 'drained', drain, entries, clusters, lostLines }, () => process.exit(0));
  }

  /**
   * The primary has died. Its workers keep the sockets open and serve until a new primary, whose
   * workers replace them, sends TERM, or until the configured time has passed.
   */
  #onOrphaned(): void {
    outlivePrimary();
    if (!this.#serving || !this.#assignment) process.exit(0);
    const { config, ownOutput } = this.#assignment;
    if (ownOutput !== null) standardOutput().redirect(ownOutput);
    const { supervision } = config;
    this.#isOrphan = true;
    this.#leases?.orphaned();
    const longest = longestDrainMs(config, 'stopping');
    const serveMs = this.#draining ? 0 : supervision.orphan_timeout;
    setTimeout(() => process.exit(0), serveMs + longest + orphanSlackMs).unref();
    if (serveMs === 0) {
      this.#log?.warn('the primary is gone; draining');
      void this.#drain('stopping');
      return;
    }
    this.#log?.warn(
      `the primary is gone; serving until another one takes over, for ${serveMs / 1000} s at most`,
    );
    this.#setTitle('without primary');
    this.#serving.clusters.observe(true);
    setTimeout(() => {
      this.#log?.warn('no primary has taken over; draining');
      void this.#drain('stopping');
    }, serveMs);
  }

  #setTitle(doing: string): void {
    if (!this.#assignment) return;
    const { slot, generation } = this.#assignment;
    process.title = `${workerTitle} ${slot} (generation ${generation}) ${doing}`.trimEnd();
  }

  #send(message: ToPrimary, sent?: () => void): void {
    if (process.connected) process.send?.(message, undefined, undefined, () => sent?.());
    else sent?.();
  }
}
