import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isThisMachine } from '../../config/sections/address.ts';
import type { ApiConfig } from '../../config/types.ts';
import { parseBasicAuth } from '../../http/basic-auth.ts';
import type { ControlAnswer } from './client.ts';
import type { FailedLogins } from './failed-logins.ts';
import type { Log } from '../../log.ts';
import { pathOf } from './server.ts';

/** One failed login of an address in so many is logged. */
const failuresPerLogLine = 10;

/** Paths for probes, which have no password and no host name; the responses reveal nothing. */
const forProbes: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/**
 * Access control of the API. Web pages of other sites may not use it, and with `security` it takes the
 * password. Without a password, other machines get the metrics only, and for an API on a loopback
 * address the Host must be a name of this machine: a web page can make its own name resolve to
 * 127.0.0.1 (DNS rebinding).
 * @returns the response to a request that is refused; null for one that is allowed
 */
export function refuseAccess(
  { security, network }: ApiConfig,
  request: IncomingMessage,
  logins: FailedLogins,
  log: Log,
): ControlAnswer | null {
  const { headers } = request;
  const site = headers['sec-fetch-site'];
  if (headers.origin !== undefined || (site !== undefined && site !== 'none')) {
    return refused(403, 'web pages may not use the API');
  }
  if (request.method === 'POST' && isForm(headers['content-type'])) {
    return refused(415, 'the API does not accept forms');
  }
  if (forProbes.has(pathOf(request))) return null;
  if (security) return refuseLogin(security, request, logins, log);
  if (!isThisMachine(network.host)) {
    if (request.method === 'GET' && pathOf(request) === '/metrics') return null;
    return refused(
      403,
      'the API listens on an address that is not local: anything but /metrics requires "api.security"',
    );
  }
  const host = hostOf(headers.host);
  if (isThisMachine(host)) return null;
  return refused(403, 'the Host header does not name this machine; use 127.0.0.1 or localhost');
}

function refuseLogin(
  security: NonNullable<ApiConfig['security']>,
  { headers, socket }: IncomingMessage,
  logins: FailedLogins,
  log: Log,
): ControlAnswer | null {
  const { remoteAddress: client = '' } = socket;
  const waitMs = logins.wait(client);
  if (waitMs > 0) {
    const after = { 'retry-after': `${Math.ceil(waitMs / 1000)}` };
    return refused(429, 'too many failed logins from this address; try again later', after);
  }
  const given = parseBasicAuth(headers.authorization);
  // Both are always compared, so that the time it takes reveals nothing.
  const user = isSame(given?.username ?? '', security.username);
  const password = isSame(given?.password ?? '', security.password);
  if (user && password) {
    logins.succeeded(client);
    return null;
  }
  // A request without a password is not a guess.
  const failures = given === undefined ? 0 : logins.failed(client);
  if (failures > 0 && failures % failuresPerLogLine === 0) {
    log.warn({ client, failures }, 'failed logins to the API');
  }
  const challenge = { 'www-authenticate': 'Basic realm="Evergate API", charset="UTF-8"' };
  return refused(401, 'user name and password are required', challenge);
}

function refused(status: number, error: string, headers?: Record<string, string>): ControlAnswer {
  return { status, body: { error }, ...(headers && { headers }) };
}

/** Media types that a web page can send without a preflight; older browsers omit Origin. */
function isForm(type = ''): boolean {
  return /^(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\b/i.test(type);
}

function hostOf(field = ''): string {
  return field
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
}

function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', wanted, 'buffer'));
}
