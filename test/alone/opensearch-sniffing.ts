/**
 * Discovery, and clients that look for the nodes by themselves: the gateway finds every node that it
 * can reach, and its clients find nothing but the gateway.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

interface Setting {
  readonly gateway: TestGateway;
  /** The entry whose cluster is configured with its first node alone. */
  readonly origin: string;
  /** The same, for Elasticsearch's client. */
  readonly translated: string;
  readonly endpoints: readonly string[];
  /** What the cluster believes the address of its last node to be, where nobody is. */
  readonly unreachable: string;
}

export async function withSniffing(t: TestContext, setting: Setting): Promise<void> {
  await t.test('the nodes that can be reached are found and used', () => discovers(setting));
  await t.test("OpenSearch's client stays on the gateway", () => openSearchStays(setting));
  await t.test("Elasticsearch's client stays on the gateway", () => elasticsearchStays(setting));
}

async function discovers({ gateway, origin, endpoints, unreachable }: Setting): Promise<void> {
  const discovered = async () => {
    const { clusters } = await gateway.status();
    return clusters.find(({ name }) => name === 'discovered')?.nodes ?? [];
  };
  const reachable = endpoints.slice(0, -1);
  await eventually('the reachable nodes', async () => (await discovered()).length === 2);
  const client = new OpenSearchClient({ node: origin, maxRetries: 0 });
  try {
    // What the cluster itself says is what it was told to believe.
    const response = await fetch(`${endpoints[0]}/_nodes/http`);
    assert.ok((await response.text()).includes(unreachable));
    for (let i = 0; i < 40; i++) await client.cluster.health();
  } finally {
    await client.close();
  }
  const nodes = await discovered();
  assert.deepEqual(nodes.map((node) => node.origin).sort(), [...reachable].sort());
  for (const { name, roles, requests } of nodes) {
    assert.match(name ?? '', /^node-[01]$/);
    assert.ok(roles.includes('data'));
    assert.ok(requests >= 15, `${name} got ${requests} of 40 requests`);
  }
}

async function openSearchStays({ origin }: Setting): Promise<void> {
  const client = new OpenSearchClient({
    node: origin,
    maxRetries: 0,
    sniffOnStart: true,
    sniffInterval: 100,
    sniffEndpoint: '_nodes/_all/http',
  });
  const sniffed: unknown[] = [];
  client.on('sniff', (error) => sniffed.push(error));
  try {
    await eventually('a look for the nodes', () => sniffed.length > 0);
    for (let i = 0; i < 20; i++) {
      assert.equal((await client.cluster.health()).statusCode, 200);
    }
    await eventually('another look, as time goes by', async () => {
      await client.cluster.health();
      return sniffed.length > 1;
    });
    assert.deepEqual(new Set(sniffed), new Set([null]));
    assert.deepEqual(
      new Set(client.connectionPool.connections.map(({ url }) => url.origin)),
      new Set([origin]),
    );
  } finally {
    await client.close();
  }
}

async function elasticsearchStays({ translated }: Setting): Promise<void> {
  const client = new ElasticsearchClient({
    node: translated,
    maxRetries: 0,
    sniffOnStart: true,
    sniffOnConnectionFault: true,
  });
  const sniffed: unknown[] = [];
  client.diagnostic.on('sniff', (error) => sniffed.push(error));
  try {
    await eventually('a look for the nodes', () => sniffed.length > 0);
    for (let i = 0; i < 20; i++) {
      assert.equal(typeof (await client.cluster.health()).status, 'string');
    }
    assert.deepEqual(sniffed, [null]);
    assert.deepEqual(
      new Set(client.connectionPool.connections.map(({ url }) => url.origin)),
      new Set([translated]),
    );
  } finally {
    await client.close();
  }
}
