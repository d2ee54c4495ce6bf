import { type Duplex, pipeline } from 'node:stream';
import type { UpgradedConnection } from '../../http/context.ts';

/**
 * Tells the client that protocols are switched, then passes bytes both ways until either ends.
 * @param clientRest what the client has sent after its request
 */
export function joinUpgraded(
  head: string,
  client: Duplex,
  clientRest: Buffer | null,
  { socket: upstream, head: upstreamRest }: UpgradedConnection,
): void {
  client.write(Buffer.concat([Buffer.from(head, 'latin1'), upstreamRest]));
  if (clientRest !== null) upstream.write(clientRest);
  // Each direction ends by itself; a failure of either ends both.
  const failed = (error?: Error | null): void => {
    if (!error) return;
    client.destroy();
    upstream.destroy();
  };
  pipeline(client, upstream, failed);
  pipeline(upstream, client, failed);
}
