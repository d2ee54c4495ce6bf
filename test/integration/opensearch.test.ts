/** A real cluster of three OpenSearch nodes behind a real gateway, used by the official clients. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { test, type TestContext } from 'node:test';
import { Client as OpenSearchClient, type ClientOptions } from '@opensearch-project/opensearch';
import { startOpenSearch } from '../../scripts/opensearch/cluster.ts';
import { whyNoOpenSearch } from '../../scripts/opensearch/distribution.ts';
import { startGateway } from '../harness/gateway.ts';
import { whileNodesDie, whileReloading } from './opensearch-disturbed.ts';

// This version's types are out of reach for programs made of ES modules. It is the last one that
// talks to whatever is there: newer ones refuse anything that does not call itself Elasticsearch.
const { Client: ElasticsearchClient } = createRequire(import.meta.url)(
  '@elastic/elasticsearch',
) as { Client: new (options: ClientOptions) => OpenSearchClient };

const reason = whyNoOpenSearch();

interface Product {
  name: string;
  price: number;
  note?: string;
}

/** What a client throws when the cluster answers with an error. */
interface ResponseError extends Error {
  statusCode: number;
  body: { status?: number; found?: boolean; error?: { type: string; reason: string } };
}

/** Both clients have the same interface; neither retries by itself here, so that nothing is hidden. */
const clients: [string, (origin: string) => OpenSearchClient][] = [
  [
    'the OpenSearch client',
    (node) => new OpenSearchClient({ node, maxRetries: 0, requestTimeout: 30_000 }),
  ],
  [
    // Compresses what it sends, and asks for compressed answers.
    'the Elasticsearch client',
    (node) =>
      new ElasticsearchClient({
        node,
        maxRetries: 0,
        requestTimeout: 30_000,
        compression: 'gzip',
        suggestCompression: true,
      }),
  ],
];

test('a real OpenSearch cluster', { skip: reason ?? false, timeout: 300_000 }, async (t) => {
  const cluster = await startOpenSearch();
  t.after(() => cluster.stop());
  const gateway = await startGateway(t, configuration(cluster.endpoints));
  const origin = await gateway.origin('es');

  for (const [name, connect] of clients) {
    await t.test(name, async (its) => {
      const client = connect(origin);
      its.after(() => client.close());
      await its.test('indexes, reads, updates and deletes a document', () => lifecycle(client));
      await its.test('indexes 10,000 documents in bulk and finds them', (bulks) =>
        bulk(bulks, client),
      );
      await its.test('gets the errors of the cluster', () => errors(client, cluster.endpoints));
      await its.test('stores and reads large documents', () => largeDocuments(client));
    });
  }
  const endpoints = cluster.endpoints;
  await t.test('an upload that is too large is refused in the middle', () => tooLarge(origin));
  await t.test('reloads disturb nobody', () => whileReloading({ gateway, origin, endpoints }));
  await t.test('no document is lost or doubled while nodes die and the gateway reloads', (its) =>
    whileNodesDie(its, { gateway, origin, endpoints, cluster }),
  );
});

function configuration(endpoints: readonly string[]): string {
  return `
entry:
  - name: es
    router: es
    network:
      binding: 127.0.0.1:0
router:
  - name: es
    default_flow: es
flow:
  - name: es
    filter:
      - elasticsearch:
          elasticsearch: es
elasticsearch:
  - name: es
    endpoints: ${JSON.stringify(endpoints)}
`;
}

async function lifecycle(client: OpenSearchClient): Promise<void> {
  const index = newIndex();
  const id = 'a b/ü%2F';
  assert.equal((await client.indices.exists({ index })).body, false);
  await client.indices.create({ index, body: { settings: { number_of_shards: 3 } } });
  assert.equal((await client.indices.exists({ index })).body, true);

  const indexed = await client.index({ index, id, body: { name: 'pen', price: 1 } });
  assert.equal(indexed.statusCode, 201);
  assert.equal(indexed.body._id, id);
  assert.equal((await client.exists({ index, id })).body, true);
  assert.deepEqual((await client.get({ index, id })).body._source, { name: 'pen', price: 1 });

  const updated = await client.update({ index, id, body: { doc: { price: 2 } } });
  assert.equal(updated.body._version, 2);
  assert.deepEqual((await client.get({ index, id })).body._source, { name: 'pen', price: 2 });

  assert.equal((await client.delete({ index, id })).body.result, 'deleted');
  assert.equal((await client.exists({ index, id })).body, false);
  const { body, statusCode } = await failure(client.get({ index, id }));
  assert.equal(statusCode, 404);
  assert.equal(body.found, false);
  await client.indices.delete({ index });
}

async function bulk(t: TestContext, client: OpenSearchClient): Promise<void> {
  const index = newIndex();
  const total = 10_000;
  const products: Product[] = Array.from({ length: total }, (_, i) => ({
    name: i % 10 === 0 ? `red pen ${i}` : `blue book ${i}`,
    price: i,
  }));
  await client.indices.create({
    index,
    body: {
      settings: { number_of_shards: 3, number_of_replicas: 1 },
      mappings: { properties: { name: { type: 'text' }, price: { type: 'integer' } } },
    },
  });
  const stats = await client.helpers.bulk<Product>({
    datasource: products,
    onDocument: ({ price }) => ({ index: { _index: index, _id: `${price}` } }),
    flushBytes: 100_000,
    concurrency: 4,
    retries: 0,
    refreshOnCompletion: index,
  });
  assert.equal(stats.failed, 0);
  assert.equal(stats.successful, total);
  assert.equal((await client.count({ index })).body.count, total);

  await t.test('by a search', async () => {
    const { body } = await client.search({
      index,
      body: { query: { match: { name: 'pen' } }, sort: [{ price: 'desc' }], size: 3 },
      track_total_hits: true,
    });
    assert.deepEqual(body.hits.total, { value: total / 10, relation: 'eq' });
    const found = body.hits.hits.map(({ _source }) => (_source as Product).price);
    assert.deepEqual(found, [9990, 9980, 9970]);
  });

  await t.test('by a scroll over all of them', async () => {
    const seen = new Set<number>();
    let documents = 0;
    const scroll = client.helpers.scrollDocuments<Product>({ index, size: 1000 });
    for await (const { price } of scroll) {
      documents += 1;
      seen.add(price);
    }
    assert.equal(documents, total);
    assert.equal(seen.size, total);
  });

  await t.test('by many searches in one request', async () => {
    const helper = client.helpers.msearch({ retries: 0, flushInterval: 20 });
    const counts = await Promise.all(
      [1, 22, 333].map(async (price) => {
        const { body } = await helper.search({ index }, { query: { term: { price } } });
        return body.hits.hits[0]?._id;
      }),
    );
    helper.stop();
    assert.deepEqual(counts, ['1', '22', '333']);
  });
  await client.indices.delete({ index });
}

async function errors(client: OpenSearchClient, endpoints: readonly string[]): Promise<void> {
  const index = newIndex();
  const missing = await failure(client.search({ index }));
  assert.equal(missing.statusCode, 404);
  assert.equal(missing.body.error?.type, 'index_not_found_exception');

  const body = { name: 'pen', price: 1 };
  await client.create({ index, id: '1', body });
  const conflict = await failure(client.create({ index, id: '1', body }));
  assert.equal(conflict.statusCode, 409);
  assert.equal(conflict.body.error?.type, 'version_conflict_engine_exception');
  const stale = client.index({ index, id: '1', if_seq_no: 7, if_primary_term: 1, body });
  assert.equal((await failure(stale)).statusCode, 409);

  const unparsable = await failure(client.index({ index, id: '2', body: '{"name": ' as never }));
  assert.equal(unparsable.statusCode, 400);
  const wrongType = await failure(client.index({ index, body: { price: 'much' } }));
  assert.equal(wrongType.statusCode, 400);
  assert.equal(wrongType.body.error?.type, 'mapper_parsing_exception');

  // What the cluster says arrives word by word.
  const malformed = { index, body: { query: { unheard_of: {} } } };
  const through = await failure(client.search(malformed as never));
  const direct = new OpenSearchClient({ node: endpoints[0] ?? '', maxRetries: 0 });
  const expected = await failure(direct.search(malformed as never));
  await direct.close();
  assert.equal(through.statusCode, 400);
  assert.deepEqual(through.body, expected.body);
  await client.indices.delete({ index });
}

async function largeDocuments(client: OpenSearchClient): Promise<void> {
  const index = newIndex();
  await client.indices.create({ index, body: { mappings: { enabled: false } } });
  const sizes = [64 << 10, 1 << 20, 12 << 20];
  const texts = sizes.map((size) => randomBytes((size * 3) / 4).toString('base64'));
  for (const [i, text] of texts.entries()) {
    const { statusCode } = await client.index({ index, id: `${i}`, body: { text } });
    assert.equal(statusCode, 201);
  }
  const read = await Promise.all(texts.map((_, i) => client.get({ index, id: `${i}` })));
  for (const [i, { body }] of read.entries()) {
    // Not by assert.equal: its message would be megabytes.
    assert.ok((body._source as { text: string }).text === texts[i], `document ${i} is the same`);
  }
  await client.indices.delete({ index });
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

function newIndex(): string {
  return `test-${randomBytes(4).toString('hex')}`;
}

/** The error that a request ends with. */
async function failure(request: Promise<unknown>): Promise<ResponseError> {
  try {
    await request;
  } catch (error) {
    return error as ResponseError;
  }
  return assert.fail('the request succeeded');
}
