import { collect } from '../../http/body/body.ts';
import { GatewayError } from '../../errors.ts';
import type { Transport } from '../transport/transport.ts';

export interface ProbeAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** What a probe of a node may ask. */
export interface ProbeQuestion {
  /** Host of the node. */
  readonly host: string;
  readonly path: string;
  /** Value of Authorization, or null. */
  readonly authorization: string | null;
  /** For the whole answer, ms. */
  readonly timeout: number;
}

/** Bytes that an answer may have. */
const largest = 32 << 20;

/**
 * One GET of the gateway's own to a node.
 * @throws UPSTREAM_CONNECT, UPSTREAM_BROKEN, UPSTREAM_TIMEOUT, BODY_TOO_LARGE
 */
export function probe(transport: Transport, question: ProbeQuestion): Promise<ProbeAnswer> {
  const { host, path, authorization, timeout } = question;
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  const headers = ['Accept', 'application/json'];
  if (authorization !== null) headers.push('Authorization', authorization);
  const exchange = transport.send(
    {
      method: 'GET',
      target: path,
      host,
      headers,
      body: null,
      headTimeout: timeout,
      bodyTimeout: timeout,
    },
    {
      onInformation: () => {},
      onHead(status, _statusText, _headers, body) {
        collect(body, largest).then((bytes) => resolve({ status, body: bytes }), reject);
      },
      onUpgrade(_status, _headers, socket) {
        socket.destroy();
        reject(
          new GatewayError('UPSTREAM_BROKEN', { node: host, reason: 'it switched protocols' }),
        );
      },
      onError: reject,
    },
  );
  const timer = setTimeout(() => {
    const error = new GatewayError('UPSTREAM_TIMEOUT', { node: host, timeout });
    exchange.abort(error);
    reject(error);
  }, timeout);
  return promise.finally(() => clearTimeout(timer));
}
