import { type ChildProcess, spawn } from 'node:child_process';
import { reasonOf } from '../../errors.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';
import type { Invocation } from './installed-program.ts';
import type { HeldListener } from '../sockets/listeners.ts';
import type { PermitHolder, Permits } from '../../shared-limits/primary/connection-slots.ts';
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
export class Successor implements PermitHolder {
  readonly pid: number;
  /** Every worker of it serves. @throws why that is not to be */
  readonly proved: Promise<void>;
  /** It has control socket and pid file. @throws why it has not */
  readonly taken: Promise<ReloadRecord>;
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #permits: Permits;
  readonly #listener: SuccessorListener;
  readonly #proved = Promise.withResolvers<void>();
  readonly #taken = Promise.withResolvers<ReloadRecord>();
  readonly #gone = Promise.withResolvers<void>();

  /** @param data path.data */
  constructor(
    { command, args }: Invocation,
    data: string,
    permits: Permits,
    listener: SuccessorListener,
  ) {
    const errors = new SuccessorErrors(data);
    this.#permits = permits;
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
    permits.add(this);
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

  grantPermits(entry: string, count: number): void {
    this.send({ type: 'permits-granted', entry, count });
  }

  recallPermits(entry: string): void {
    if (this.#child.connected) this.send({ type: 'permits-recalled', entry });
    else queueMicrotask(() => this.#permits.returned(this, entry, 0));
  }

  send(message: ToSuccessor, handle?: HeldListener['sockets'][number]['handle']): void {
    if (!this.#child.connected) return;
    // That it dies meanwhile is noticed by its exit.
    this.#child.send(message, handle, () => {});
  }

  #onMessage(message: ToPredecessor): void {
    switch (message.type) {
      case 'limits':
        this.#permits.setLimits(message.limits);
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
      case 'permits-wanted':
        this.#permits.wanted(this, message.entry, message.count);
        break;
      case 'permits-returned':
        this.#permits.returned(this, message.entry, message.count);
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
    this.#permits.remove(this);
    this.#gone.resolve();
  }
}
