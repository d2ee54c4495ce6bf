import type { ToPrimary } from '../../ipc/messages.ts';
import { type PermitHolder, Permits } from './connection-slots.ts';
import { type LimitHolder, Limits } from './rate-windows.ts';
import { type QuotaHolder, Quotas } from './token-buckets.ts';

/** A worker, as limits over all workers concern it. */
export type LimitedWorker = PermitHolder & LimitHolder & QuotaHolder;

/** What a worker has to say about limits. */
export type LimitMessage = Extract<
  ToPrimary,
  {
    type:
      | 'permits-wanted'
      | 'permits-taken'
      | 'permits-returned'
      | 'quota-wanted'
      | 'limit-wanted'
      | 'limit-returned';
  }
>;

/** All limits that hold over all workers. */
export class LimitKeeper {
  readonly permits = new Permits();
  readonly quotas = new Quotas();
  readonly #rates = new Limits();

  add(worker: LimitedWorker): void {
    this.permits.add(worker);
    this.#rates.add(worker);
  }

  remove(worker: LimitedWorker): void {
    this.permits.remove(worker);
    this.quotas.remove(worker);
    this.#rates.remove(worker);
  }

  /** The worker no longer responds, or does so again. */
  setAbsent(worker: LimitedWorker, isAbsent: boolean): void {
    this.permits.setAbsent(worker, isAbsent);
    this.#rates.setAbsent(worker, isAbsent);
  }

  take(worker: LimitedWorker, message: LimitMessage): void {
    switch (message.type) {
      case 'permits-wanted':
        this.permits.wanted(worker, message.entry, message.count);
        break;
      case 'permits-taken':
        this.permits.taken(worker, message.entry, message.count);
        break;
      case 'permits-returned':
        this.permits.returned(worker, message.entry, message.count);
        break;
      case 'quota-wanted':
        this.quotas.wanted(worker, message.key, message.count);
        break;
      case 'limit-wanted': {
        const { spec, key, need, want } = message;
        this.#rates.wanted(worker, spec, key, need, want);
        break;
      }
      case 'limit-returned': {
        const { id, key, window, count } = message;
        this.#rates.returned(worker, id, key, window, count);
        break;
      }
    }
  }
}
