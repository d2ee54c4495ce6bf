import type { GatewayResponse } from '../../http/context.ts';

/** A topology is read in memory to be rewritten, up to here, bytes. */
const largest = 32 << 20;

/** Whether a request asks for what tells the addresses of nodes. */
export function asksForTopology(method: string, path: string): boolean {
  return method === 'GET' && /^\/_nodes(?:\/|$)/.test(path);
}

/**
 * Puts `address` in place of every node's HTTP address, so that clients which ask for the nodes of
 * the cluster go on to use the gateway. What is no such answer stays as it is.
 */
export async function publishInstead(response: GatewayResponse, address: string): Promise<void> {
  if (response.status !== 200) return;
  await response.readContent(largest);
  let answer: unknown;
  try {
    answer = JSON.parse(response.content.text);
  } catch {
    return;
  }
  const { nodes } = (answer ?? {}) as { nodes?: Record<string, { http?: object } | null> };
  if (typeof nodes !== 'object' || nodes === null) return;
  for (const node of Object.values(nodes)) {
    if (typeof node?.http !== 'object') continue;
    Object.assign(node.http, { publish_address: address, bound_address: [address] });
  }
  response.setBody(Buffer.from(JSON.stringify(answer)));
}
