import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { GatewayError } from '../../errors.ts';
import { handleOf } from '../sockets/handles.ts';

/** What a TLS socket reads from and writes to: a socket, or what makes one of another stream. */
interface Wrap {
  readonly stream?: Duplex;
}

/**
 * What a TLS socket was put on; null where that is not known.
 *
 * Relies on: `_parent` of a TLS socket that was put on a socket, since 0.11, and `_parentWrap` of its
 * handle, since 4, which knows other streams, too, and serves where the first is missing. Without either
 * no connection is known again after its handshake: an entry with TLS finds out when it answers itself,
 * and the start is refused.
 */
export function transportOf(socket: TLSSocket): Duplex | null {
  // oxlint-disable no-underscore-dangle -- there are no public names.
  const { _parent: below } = socket as TLSSocket & { readonly _parent?: unknown };
  if (below instanceof Duplex) return below;
  const handle = handleOf(socket) as { readonly _parentWrap?: Wrap } | null;
  const transport = handle?._parentWrap?.stream ?? handle?._parentWrap;
  return transport instanceof Duplex ? transport : null;
}

/** Why an entry with TLS cannot be served then. */
export function noTransport(): GatewayError {
  const reason = 'a TLS socket does not name what it was put on';
  return new GatewayError('NODE_UNSUPPORTED', { actual: process.versions.node, reason });
}
