import type { GatewayConfig } from '../../src/config/types.ts';
import type { ToPrimary } from '../../src/ipc/messages.ts';
import type { LeaseToHolder } from '../../src/shared-limits/messages.ts';
import type { LeaseHolder } from '../../src/shared-limits/primary/ledger.ts';
import { deliver, type LeaseKeeper } from '../../src/shared-limits/primary/lease-keeper.ts';
import { LeaseClient } from '../../src/shared-limits/worker/lease-client.ts';
import { RateWindows } from '../../src/shared-limits/worker/rate-windows.ts';

const nothing = { entry: [], elasticsearch: [] } as unknown as GatewayConfig;

/** The leases of a worker, as if it were a process of its own: every message arrives later. */
export class LeasingWorker implements LeaseHolder {
  readonly generation: { readonly number: number };
  readonly client: LeaseClient;
  readonly windows: RateWindows;
  /** Messages in both directions. */
  messages = 0;
  readonly #keeper: LeaseKeeper;

  constructor(keeper: LeaseKeeper, generation = 1) {
    this.generation = { number: generation };
    this.#keeper = keeper;
    this.client = new LeaseClient(nothing, 2, (message) => this.#tell(message));
    this.windows = new RateWindows(this.client);
    keeper.add(this);
  }

  send(message: LeaseToHolder): void {
    this.messages++;
    setImmediate(() => this.receive(message));
  }

  receive(message: LeaseToHolder): void {
    this.client.primaryHeard();
    this.client.receive(message);
  }

  #tell(message: ToPrimary): void {
    this.messages++;
    setImmediate(() => {
      if (message.type === 'ping') this.client.primaryHeard();
      else if (message.type.startsWith('lease-')) deliver(this.#keeper, this, message as never);
    });
  }
}
