/** A real cluster of three OpenSearch nodes behind a real gateway, used by the official clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOpenSearch } from '../../scripts/opensearch/cluster.ts';
import { whyNoOpenSearch } from '../../scripts/opensearch/distribution.ts';
import { startGateway } from '../harness/gateway.ts';
import { withElasticsearchClient } from './elasticsearch-client.ts';
import { withOpenSearchClient } from './opensearch-client.ts';
import { whileNodesDie, whileReloading } from './opensearch-disturbed.ts';
import { newIndex } from './opensearch-support.ts';

const reason = whyNoOpenSearch();

test('a real OpenSearch cluster', { skip: reason ?? false, timeout: 300_000 }, async (t) => {
  const cluster = await startOpenSearch();
  t.after(() => cluster.stop());
  const { endpoints } = cluster;
  const gateway = await startGateway(t, configuration(endpoints));
  const origin = await gateway.origin('es');
  const translated = await gateway.origin('translated');

  await t.test('the OpenSearch client', (its) =>
    withOpenSearchClient(its, { origin, node: endpoints[0] ?? '' }),
  );
  await t.test('the Elasticsearch client', (its) => withElasticsearchClient(its, translated));
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
  return `
entry:
  - name: es
    router: es
    network:
      binding: 127.0.0.1:0
  - name: translated
    router: translated
    network:
      binding: 127.0.0.1:0
router:
  - name: es
    default_flow: es
  - name: translated
    default_flow: translated
flow:
  - name: es
    filter:
      - elasticsearch:
          elasticsearch: es
  - name: translated
    filter:
      - set_request_header:
          headers:
            - Content-Type -> application/json
            - Accept -> application/json
      - elasticsearch:
          elasticsearch: es
      - set_response_header:
          headers:
            - X-Elastic-Product -> Elasticsearch
elasticsearch:
  - name: es
    endpoints: ${JSON.stringify(endpoints)}
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
