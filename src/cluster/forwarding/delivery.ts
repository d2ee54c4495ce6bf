import { GatewayError } from '../../errors.ts';
import { type Body, type BodySource, isBuffered, lengthOf } from '../../http/body/body.ts';
import { LimitedBody } from '../../http/body/limited.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';
import { parseLines } from '../../http/headers/raw-lines.ts';
import type { ForwardOptions } from '../cluster.ts';
import { backendNames, type Node } from '../nodes/node.ts';

/**
 * The body of a response, which fails when it becomes larger than `limit` bytes; 0 allows any size.
 * @throws RESPONSE_TOO_LARGE when that is known by now; the body is cancelled
 */
export function limitedBody(body: Body, limit: number): Body {
  if (limit <= 0) return body;
  const tooLarge = (): GatewayError => new GatewayError('RESPONSE_TOO_LARGE', { limit });
  const length = lengthOf(body);
  if (length === undefined) return new LimitedBody(body as BodySource, limit, tooLarge);
  if (length <= limit) return body;
  const error = tooLarge();
  if (!isBuffered(body)) body.cancel(error);
  throw error;
}

/** Makes a node's fields those of the gateway's own response. */
export function settleHeaders(headers: HeaderList, via: string | null): void {
  headers.removeOfConnection();
  if (via !== null) headers.append('Via', via);
}

/** Adds where a response came from. @param repetitions attempts after the first */
export function addOrigin(
  headers: HeaderList,
  node: Node,
  cluster: string,
  tells: ForwardOptions['tells'],
  repetitions: number,
): void {
  if (tells === 'nothing') return;
  const lines = node.originLines(tells === 'node' ? null : cluster);
  if (!headers.appendNew(lines, backendNames)) {
    const fields = parseLines(lines.all);
    for (let i = 0; i < fields.length; i += 2) {
      headers.set(fields[i] as string, fields[i + 1] as string);
    }
  }
  if (repetitions > 0) headers.set('X-Retry-Times', `${repetitions}`);
}
