import type { Log } from '../log.ts';
import type { LeaseSource } from '../shared-limits/messages.ts';
import type { RequestContext } from '../http/context.ts';
import type { Handler } from '../flow/filter.ts';
import type { InflightBytes } from '../http/body/memory-budget.ts';
import type { EntryCredentials } from '../tls/credentials.ts';

/** The services that an entry uses. */
export interface EntryServices {
  readonly log: Log;
  /** Where max_concurrency and max_conns_per_ip come from. */
  readonly leases: LeaseSource;
  /** The entry's own name in the Forwarded header; absent: it does not name itself. */
  readonly identity?: string;
  /** The flow for a request; throws ROUTE_NOT_FOUND. */
  readonly route: (context: RequestContext) => Handler;
  /** Whether a client of this address may connect; null if every client may. */
  readonly admits?: ((address: string) => boolean) | null;
  /** Memory that all entries of the worker together may use for clients. */
  readonly memory?: InflightBytes;
  /** Certificates and keys of an entry with TLS. */
  readonly credentials?: EntryCredentials | undefined;
  /** Keys of TLS session tickets, the newest first, the same in all workers. */
  readonly ticketKeys?: Buffer | undefined;
}
