/** OpenSearch's own client, through the gateway. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Client } from '@opensearch-project/opensearch';
import { failure, largeTexts, newIndex, type Product, products } from './opensearch-support.ts';

/** `origin` is the gateway's, `node` that of a node of the cluster. */
export async function withOpenSearchClient(
  t: TestContext,
  { origin, node }: { origin: string; node: string },
): Promise<void> {
  // It does not retry, so that nothing is hidden.
  const client = new Client({ node: origin, maxRetries: 0, requestTimeout: 120_000 });
  t.after(() => client.close());
  await t.test('indexes, reads, updates and deletes a document', () => lifecycle(client));
  await t.test('indexes 10,000 documents in bulk and finds them', (its) => bulk(its, client));
  await t.test('gets the errors of the cluster', () => errors(client, node));
  await t.test('stores and reads large documents', () => largeDocuments(client));
}

async function lifecycle(client: Client): Promise<void> {
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

async function bulk(t: TestContext, client: Client): Promise<void> {
  const index = newIndex();
  const total = products.length;
  await client.indices.create({
    index,
    body: {
      settings: { number_of_shards: 3, number_of_replicas: 1 },
      mappings: { properties: { name: { type: 'text' }, price: { type: 'integer' } } },
    },
  });
  const stats = await client.helpers.bulk<Product>({
    datasource: [...products],
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

async function errors(client: Client, node: string): Promise<void> {
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
  const direct = new Client({ node, maxRetries: 0 });
  const expected = await failure(direct.search(malformed as never));
  await direct.close();
  assert.equal(through.statusCode, 400);
  assert.deepEqual(through.body, expected.body);
  await client.indices.delete({ index });
}

async function largeDocuments(client: Client): Promise<void> {
  const index = newIndex();
  await client.indices.create({ index, body: { mappings: { enabled: false } } });
  const texts = largeTexts();
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
