import type { FieldTable } from './rule.ts';
import { STATUS_CODES } from '../../runtime/modules/builtins.ts';

/** `_ctx.…`, but for request and response. */
export const connectionFields: FieldTable = {
  id: {
    type: 'integer',
    description: 'Number of the request; no other request of this gateway has the same.',
    read: ({ id }) => id,
  },
  tls: {
    type: 'boolean',
    description: 'Whether the client came by TLS.',
    read: ({ client }) => client.tls,
  },
  remote_ip: {
    type: 'string',
    description: "The client's IP address.",
    read: ({ client }) => client.remoteAddress,
  },
  remote_addr: {
    type: 'string',
    description: "The client's IP address and port.",
    read: ({ client }) => address(client.remoteAddress, client.remotePort),
  },
  local_ip: {
    type: 'string',
    description: 'The IP address that the client connected to.',
    read: ({ client }) => client.localAddress,
  },
  local_addr: {
    type: 'string',
    description: 'The IP address and port that the client connected to.',
    read: ({ client }) => address(client.localAddress, client.localPort),
  },
  elapsed: {
    type: 'integer',
    description: "Milliseconds since the request's head was here.",
    read: ({ startedAt, endedAt }) => Math.floor((endedAt || performance.now()) - startedAt),
  },
  status: {
    type: 'string',
    description: "The response's status in words, such as OK.",
    read: ({ response }) => response.statusText || STATUS_CODES[response.status || 200],
  },
};

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
