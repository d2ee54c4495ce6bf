import type { Log } from '../log.ts';
import type { LeaseSource } from '../shared-limits/messages.ts';
import type { RequestContext } from '../http/context.ts';
import type { Handler } from '../flow/filter.ts';
import type { InflightBytes } from '../http/body/memory-budget.ts';
import type { EntryCredentials } from '../tls/credentials.ts';

/** What an entry works with. */
export interface EntryServices {
  readonly log: Log;
  /** Where max_concurrency and max_conns_per_ip come from. */
  readonly leases: LeaseSource;
  /** How the entry names itself in the Forwarded field; not at all when it is absent. */
  readonly identity?: string;
  /** The flow for a request; throws ROUTE_NOT_FOUND. */
  readonly route: (context: RequestContext) => Handler;
  /** Whether a client of this address may connect; null when everybody may. */
  readonly admits?: ((address: string) => boolean) | null;
  /** What all entries of the worker together may hold in memory for their clients. */
  readonly memory?: InflightBytes;
  /** What an entry with TLS shows its clients. */
  readonly credentials?: EntryCredentials | undefined;
  /** Keys of TLS session tickets, the newest first, the same in all workers. */
  readonly ticketKeys?: Buffer | undefined;
}
