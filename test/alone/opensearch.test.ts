/** A real cluster of three OpenSearch nodes behind a real gateway, used by the official clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOpenSearch } from '../../scripts/opensearch/cluster.ts';
import { whyNoOpenSearch } from '../../scripts/opensearch/distribution.ts';
import { startGateway } from '../support/gateway.ts';
import { withElasticsearchClient } from './elasticsearch-client.ts';
import { withOpenSearchClient } from './opensearch-client.ts';
import { whileNodesDie, whileReloading } from './opensearch-disturbed.ts';
import { withSniffing } from './opensearch-sniffing.ts';
import { newIndex } from './opensearch-support.ts';

const reason = whyNoOpenSearch();

test('a real OpenSearch cluster', { skip: reason ?? false, timeout: 1_800_000 }, async (t) => {
  // What the cluster says of its last node leads nowhere from here, as behind an address translation.
  const unreachable = '192.0.2.1';
  const cluster = await startOpenSearch({
    settingsOf: (i) => (i === 2 ? { 'http.publish_host': unreachable } : {}),
  });
  t.after(() => cluster.stop());
  const { endpoints } = cluster;
  const gateway = await startGateway(t, configuration(endpoints));
  const origin = await gateway.origin('es');
  const translated = await gateway.origin('translated');

  await t.test('the OpenSearch client', (its) =>
    withOpenSearchClient(its, { origin, node: endpoints[0] ?? '' }),
  );
  await t.test('the Elasticsearch client', (its) => withElasticsearchClient(its, translated));
  await t.test('discovery and sniffing', async (its) =>
    withSniffing(its, {
      gateway,
      endpoints,
      unreachable,
      origin: await gateway.origin('sniffed'),
      translated: await gateway.origin('sniffed-translated'),
    }),
  );
  await t.test('an upload that is too large is refused in the middle', () => tooLarge(origin));
  await t.test('reloads disturb nobody', () => whileReloading({ gateway, origin, endpoints }));
  await t.test('no document is lost or doubled while nodes die and the gateway reloads', (its) =>
    whileNodesDie(its, { gateway, origin, endpoints, cluster }),
  );
});

/**
 * Elasticsearch's client talks to OpenSearch with a little help only: it names media types that
 * OpenSearch does not know, and wants every answer to carry a product's name. The flow "translated"
 * is what lets its users through.
 */
function configuration(endpoints: readonly string[]): string {
  const entries = ['es', 'translated', 'sniffed', 'sniffed-translated'];
  const translated = (forward: string): string => `[
      { set_request_header: { headers: [Content-Type -> application/json, Accept -> application/json] } },
      ${forward},
      { set_response_header: { headers: [X-Elastic-Product -> Elasticsearch] } },
    ]`;
  const plain = '{ elasticsearch: { elasticsearch: es } }';
  const sniffed =
    '{ elasticsearch: { elasticsearch: discovered, publish_address: "$[[_ctx.request.host]]" } }';
  const listed = entries.map(
    (name) => `  - { name: ${name}, router: ${name}, network: { binding: "127.0.0.1:0" } }`,
  );
  return `
entry:
${listed.join('\n')}
router:
${entries.map((name) => `  - { name: ${name}, default_flow: ${name} }`).join('\n')}
flow:
  - { name: es, filter: [${plain}] }
  - { name: translated, filter: ${translated(plain)} }
  - { name: sniffed, filter: [${sniffed}] }
  - { name: sniffed-translated, filter: ${translated(sniffed)} }
elasticsearch:
  - name: es
    endpoints: ${JSON.stringify(endpoints)}
  - name: discovered
    endpoint: ${endpoints[0]}
    discovery: { enabled: true, refresh: { interval: 1s } }
    health_check: { interval: 1s }
`;
}

/** OpenSearch refuses a body of more than 100 MB as soon as it has read its length. */
async function tooLarge(origin: string): Promise<void> {
  const response = await fetch(`${origin}/${newIndex()}/_doc`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.alloc(101 << 20, ' '),
  });
  assert.equal(response.status, 413);
  await response.body?.cancel();
}
