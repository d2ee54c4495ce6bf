import { mkdtempDisposableSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import type { EntryConfig } from '../../src/config/types.ts';
import type { RequestContext } from '../../src/http/context.ts';
import type { EntryCredentials } from '../../src/tls/credentials.ts';
import type { Handler } from '../../src/flow/filter.ts';
import { LocalAuthority } from '../../src/tls/authority.ts';
import type { LeaseUser } from '../../src/shared-limits/messages.ts';
import { Entry } from '../../src/entry/entry.ts';
import type { EntryServices } from '../../src/entry/services.ts';

export interface Setup {
  config?: Partial<EntryConfig>;
  /** Slots for connections in all; answers like a primary would. */
  slots?: number;
  /** How long such an answer takes, ms. */
  slotDelay?: number;
  /** For an entry with TLS; generated when there are none. */
  credentials?: EntryCredentials;
  ticketKeys?: Buffer;
}

/** An entry's configuration as validation leaves it, with `changes`. */
export function entryConfig(changes: Partial<EntryConfig> = {}): EntryConfig {
  return {
    name: 'test',
    max_concurrency: 1000,
    router: 'r',
    network: {
      host: '127.0.0.1',
      port: 0,
      publish: null,
      reuse_port: false,
      skip_occupied_port: false,
      proxy_protocol: false,
    },
    tls: noTls,
    drain: { idle: 5000, timeout: 60_000 },
    forwarded: 'replace',
    trusted_addresses: [],
    head_timeout: 20_000,
    request_timeout: 3_600_000,
    read_timeout: 30_000,
    write_timeout: 30_000,
    idle_timeout: 75_000,
    disable_tcp_keepalive: false,
    tcp_keepalive_in_seconds: 900_000,
    max_header_size: 32 << 10,
    max_header_count: 200,
    max_request_body_size: 0,
    max_inflight_request_size: 512 << 20,
    max_requests_per_connection: 0,
    max_conns_per_ip: 0,
    ...changes,
  };
}

export const noTls: EntryConfig['tls'] = {
  enabled: false,
  cert_file: null,
  key_file: null,
  key_passphrase: null,
  certificates: [],
  ca_file: null,
  skip_insecure_verify: false,
  default_domain: null,
  min_version: 'TLSv1.2',
  ciphers: null,
  http2: false,
};

let generatedPair: Promise<EntryCredentials> | undefined;

/** A certificate of this process's own. */
function generated(): Promise<EntryCredentials> {
  generatedPair ??= generate();
  return generatedPair;
}

async function generate(): Promise<EntryCredentials> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'evergate-entry-'));
  const authority = await LocalAuthority.open(folder.path);
  const fallback = await authority.pairFor('test', { domains: ['localhost'], addresses: [] });
  return { fallback, named: [], clientAuthorities: null };
}

/**
 * Does something, and then nothing for so many milliseconds: this process's timers run out before
 * it reads what arrives meanwhile.
 */
export async function blockAfterReading(ms: number, act: () => void): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  act();
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** An entry at work on a port of its own, with `handle` for a flow. */
export async function startEntry(t: TestContext, handle: Handler, setup: Setup = {}) {
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const ledger = {
    free: setup.slots ?? 1000,
    asked: 0,
    recall(): void {
      user?.recalled();
    },
  };
  let user: LeaseUser | null = null;
  const config = entryConfig({
    max_concurrency: setup.slots ?? 1000,
    drain: { idle: 300, timeout: 10_000 },
    ...setup.config,
  });
  const credentials = setup.credentials ?? (config.tls.enabled ? await generated() : undefined);
  const services: EntryServices = {
    log,
    credentials,
    ticketKeys: setup.ticketKeys,
    route: () => handle,
    leases: {
      request({ key, amount: wanted }, by) {
        user = by;
        ledger.asked++;
        const { slotDelay } = setup;
        const later = slotDelay ? (run: () => void) => setTimeout(run, slotDelay) : setImmediate;
        later(() => {
          const amount = Math.min(wanted, ledger.free);
          ledger.free -= amount;
          by.granted({ type: 'lease-grant', kind: 'slots', key, amount });
        });
      },
      return: ({ amount }) => void (ledger.free += amount),
      forget: () => {},
    },
  };
  const entry = new Entry(config, services);
  const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
  const { port } = bound.address();
  await entry.listen(bound);
  t.after(() => entry.close());
  return { entry, port, logged, ledger };
}

/** A head as most clients send it. */
export function get(path = '/', ...fields: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: test', ...fields, '', ''].join('\r\n');
}

/** A flow that answers with the path. */
export function answerPath({ request, response }: RequestContext): void {
  response.status = 200;
  response.body = Buffer.from(request.path);
}
