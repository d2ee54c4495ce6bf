import { type ChildProcess, spawn } from 'node:child_process';
import { reasonOf } from '../../errors.ts';
import type { LeaseRecall } from '../../shared-limits/messages.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';
import type { Invocation } from './installed-program.ts';
import type { HeldListener } from '../sockets/listeners.ts';
import type { LeaseHolder } from '../../shared-limits/primary/ledger.ts';
import type { LeaseKeeper } from '../../shared-limits/primary/lease-keeper.ts';
import type { ReloadRecord } from '../reload/record.ts';
import {
  type Inheritance,
  successorMark,
  type ToPredecessor,
  type ToSuccessor,
} from './messages.ts';
import { SuccessorErrors } from './standard-error.ts';
import { describeExit } from '../workers/worker-handle.ts';

/** What a successor may ask of the primary that drains. */
export interface SuccessorListener {
  inspect(): Promise<Extract<ToSuccessor, { type: 'inspection' }>['inspection']>;
  /** The gateway stops. */
  stop(): void;
  endStreams(): void;
  endAtOnce(): void;
}

/**
 * The primary that is to take this one's place, as this one sees it. It stays in this process's group
 * and session, so that who ends the whole group, a terminal for one, ends it, too.
 */
export class Successor implements LeaseHolder {
  readonly pid: number;
  /** It asks for slots alone, whose limits it tells by `limits`. */
  readonly generation = { number: 0 };
  /** Every worker of it serves. @throws why that is not to be */
  readonly proved: Promise<void>;
  /** It has control socket and pid file. @throws why it has not */
  readonly taken: Promise<ReloadRecord>;
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #leases: LeaseKeeper;
  readonly #listener: SuccessorListener;
  readonly #proved = Promise.withResolvers<void>();
  readonly #taken = Promise.withResolvers<ReloadRecord>();
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
    this.proved = this.#proved.promise;
    this.taken = this.#taken.promise;
    this.gone = this.#gone.promise;
    // Who waits for them is told; that nobody does is no fault.
    this.proved.catch(() => {});
    this.taken.catch(() => {});
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

  bequeath(inheritance: Inheritance, listeners: readonly HeldListener[]): void {
    this.send({ type: 'inheritance', inheritance });
    for (const { sockets, ...description } of listeners) {
      for (const { handle } of sockets) {
        this.send({ type: 'socket', socket: description }, handle);
      }
    }
  }

  /** Has it end; it lets its connections finish first. KILL when it takes longer than this, ms. */
  giveUp(patience: number): void {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    void this.gone.then(() => clearTimeout(timer));
  }

  /** It goes its own way; this process may end. */
  release(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  send(message: ToSuccessor, handle?: HeldListener['sockets'][number]['handle']): void {
    if (!this.#child.connected) {
      if (message.type === 'lease-recall') this.#answerRecall(message);
      return;
    }
    // That it dies meanwhile is noticed by its exit.
    this.#child.send(message, handle, () => {});
  }

  /** In place of the process, which cannot be asked any more. */
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
        this.#proved.resolve();
        break;
      case 'taken':
        this.#taken.resolve(message.record);
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
        this.#listener.endAtOnce();
        break;
    }
  }

  #fail(reason: string): void {
    const error = new Error(reason);
    this.#proved.reject(error);
    this.#taken.reject(error);
  }

  #onGone(): void {
    this.#leases.remove(this);
    this.#gone.resolve();
  }
}
