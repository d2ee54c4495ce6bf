import type { NodeIdentity } from '../../ipc/cluster-state.ts';

/** Where to ask a cluster for its nodes. */
export const topologyPath = '/_nodes/http';

/**
 * The nodes by origin, as an answer to `topologyPath` tells them; null when it is no such answer.
 * Nodes that do not serve HTTP are left out.
 * @param scheme of every node, since the answer does not say it
 */
export function parseTopology(
  answer: Buffer,
  scheme: 'http' | 'https',
): Map<string, NodeIdentity> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.toString());
  } catch {
    return null;
  }
  const nodes = mapAt(parsed, 'nodes');
  if (nodes === null) return null;
  const found = new Map<string, NodeIdentity>();
  for (const [id, node] of Object.entries(nodes)) {
    const { publish_address: address } = (mapAt(node, 'http') ?? {}) as {
      publish_address?: unknown;
    };
    const origin = typeof address === 'string' ? originOf(address, scheme) : null;
    if (origin === null) continue;
    const { name = id, roles } = node as { name?: unknown; roles?: unknown };
    found.set(origin, {
      name: typeof name === 'string' ? name : id,
      roles: Array.isArray(roles) ? roles.map(String) : [],
      attributes: Object.fromEntries(
        Object.entries(mapAt(node, 'attributes') ?? {}).map(([key, value]) => [key, String(value)]),
      ),
    });
  }
  return found.size > 0 ? found : null;
}

/** `10.0.0.1:9200`, `[::1]:9200`, or `name/10.0.0.1:9200`, whose address is the one to connect to. */
function originOf(publishAddress: string, scheme: string): string | null {
  const address = publishAddress.slice(publishAddress.lastIndexOf('/') + 1);
  const parts = /^(\[[0-9a-f:.]+\]|[\w.-]+):(\d{1,5})$/i.exec(address);
  const url = `${scheme}://${address}`;
  if (parts === null || !URL.canParse(url)) return null;
  return `${scheme}://${new URL(url).hostname}:${parts[2] as string}`;
}

function mapAt(value: unknown, key: string): Record<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  const inner = (value as Record<string, unknown>)[key];
  return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : null;
}
