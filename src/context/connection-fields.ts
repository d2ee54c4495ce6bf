import type { FieldTable } from './field.ts';
import { STATUS_CODES } from '../node-http.ts';

/** `_ctx.…`, but for request and response. */
export const connectionFields: FieldTable = {
  id: { read: ({ id }) => id },
  tls: { read: ({ client }) => client.tls },
  remote_ip: { read: ({ client }) => client.remoteAddress },
  remote_addr: { read: ({ client }) => address(client.remoteAddress, client.remotePort) },
  local_ip: { read: ({ client }) => client.localAddress },
  local_addr: { read: ({ client }) => address(client.localAddress, client.localPort) },
  /** Milliseconds since the request's head. */
  elapsed: {
    read: ({ startedAt, endedAt }) => Math.floor((endedAt || performance.now()) - startedAt),
  },
  /** Reason phrase of the response. */
  status: { read: ({ response }) => response.statusText || STATUS_CODES[response.status || 200] },
};

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
