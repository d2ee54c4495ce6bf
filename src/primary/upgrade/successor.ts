import { type ChildProcess, spawn } from 'node:child_process';
import { reasonOf } from '../../errors.ts';
import type { LeaseRecall } from '../../shared-limits/messages.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';
import type { Invocation } from './installed-program.ts';
import type { BoundListener } from '../sockets/listeners.ts';
import type { LeaseHolder } from '../../shared-limits/primary/ledger.ts';
import type { LeaseKeeper } from '../../shared-limits/primary/lease-keeper.ts';
import type { ReloadRecord } from '../reload/record.ts';
import { type HandOff, successorMark, type ToPredecessor, type ToSuccessor } from './messages.ts';
import { SuccessorErrors } from './standard-error.ts';
import { describeExit } from '../workers/worker-handle.ts';

/** Takes the requests of a successor to the primary that drains. */
export interface SuccessorListener {
  inspect(): Promise<Extract<ToSuccessor, { type: 'inspection' }>['inspection']>;
  /** The gateway stops. */
  stop(): void;
  endStreams(): void;
  killNow(): void;
}

/**
 * The primary that is to replace this one, as this one sees it. It stays in this process's group and
 * session, so that a signal to the whole group, from a terminal for example, reaches it as well.
 */
export class Successor implements LeaseHolder {
  readonly pid: number;
  /** It requests slots only, whose limits it sends in `limits`. */
  readonly generation = { number: 0 };
  /** Every worker of it serves. @throws the reason why it failed */
  readonly ready: Promise<void>;
  /** It has control socket and pid file. @throws the reason why it failed */
  readonly tookOver: Promise<ReloadRecord>;
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #leases: LeaseKeeper;
  readonly #listener: SuccessorListener;
  readonly #ready = Promise.withResolvers<void>();
  readonly #tookOver = Promise.withResolvers<ReloadRecord>();
  readonly #gone = Promise.withResolvers<void>();

  /** @param data path.data */
  constructor(
    { command, args }: Invocation,
    data: string,
    leases: LeaseKeeper,
    listener: SuccessorListener,
  ) {
    const errors = new SuccessorErrors(data);
    this.#leases = leases;
    this.#listener = listener;
    this.#child = spawn(command, args, {
      stdio: ['inherit', 'inherit', ...errors.stdio],
      env: { ...process.env, ...errors.environment, [successorMark]: `${process.pid}` },
    });
    standardOutput().keepNonBlocking();
    errors.close();
    this.pid = this.#child.pid ?? 0;
    this.ready = this.#ready.promise;
    this.tookOver = this.#tookOver.promise;
    this.gone = this.#gone.promise;
    // Nobody need wait for them: a rejection that is not handled is no fault.
    this.ready.catch(() => {});
    this.tookOver.catch(() => {});
    leases.add(this);
    this.#child.on('message', (message: ToPredecessor) => this.#onMessage(message));
    this.#child.once('error', (error) => {
      this.#fail(reasonOf(error));
      if (this.#child.pid === undefined) this.#onGone();
    });
    this.#child.once('exit', (code, signal) => {
      standardOutput().keepNonBlocking();
      const words = errors.read();
      const how = describeExit({ code, signal });
      this.#fail(`the new program ended ${how}${words && `: ${words}`}`);
      this.#onGone();
    });
  }

  handOff(handOff: HandOff, listeners: readonly BoundListener[]): void {
    this.send({ type: 'inheritance', inheritance: handOff });
    for (const { sockets, ...description } of listeners) {
      for (const { handle } of sockets) {
        this.send({ type: 'socket', socket: description }, handle);
      }
    }
  }

  /** Ends it after its connections have finished; KILL when that takes longer. */
  terminate(graceMs: number): void {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    void this.gone.then(() => clearTimeout(timer));
  }

  /** Lets this process end without it. */
  release(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  send(message: ToSuccessor, handle?: BoundListener['sockets'][number]['handle']): void {
    if (!this.#child.connected) {
      if (message.type === 'lease-recall') this.#answerRecall(message);
      return;
    }
    // If it dies meanwhile, `exit` follows.
    this.#child.send(message, handle, () => {});
  }

  /** In place of the process, which has ended. */
  #answerRecall({ kind, key }: LeaseRecall): void {
    const returned = { type: 'lease-return', kind, key, amount: 0 } as const;
    queueMicrotask(() => this.#leases.return(this, returned));
  }

  #onMessage(message: ToPredecessor): void {
    switch (message.type) {
      case 'limits':
        this.#leases.setLimits(message.limits);
        break;
      case 'proved':
        this.#ready.resolve();
        break;
      case 'taken':
        this.#tookOver.resolve(message.record);
        break;
      case 'failed':
        this.#fail(message.reason);
        break;
      case 'lease-request':
        this.#leases.request(this, message);
        break;
      case 'lease-return':
        this.#leases.return(this, message);
        break;
      case 'inspect': {
        const { id } = message;
        void this.#listener
          .inspect()
          .then((inspection) => this.send({ type: 'inspection', id, inspection }));
        break;
      }
      case 'stop':
        this.#listener.stop();
        break;
      case 'end-streams':
        this.#listener.endStreams();
        break;
      case 'end-at-once':
        this.#listener.killNow();
        break;
    }
  }

  #fail(reason: string): void {
    const error = new Error(reason);
    this.#ready.reject(error);
    this.#tookOver.reject(error);
  }

  #onGone(): void {
    this.#leases.remove(this);
    this.#gone.resolve();
  }
}
