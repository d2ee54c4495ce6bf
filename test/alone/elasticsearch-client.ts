/** Elasticsearch's own client, of today, through a gateway that makes it and OpenSearch agree. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Client } from '@elastic/elasticsearch';
import { failure, largeTexts, newIndex, type Product, products } from './opensearch-support.ts';

export async function withElasticsearchClient(t: TestContext, origin: string): Promise<void> {
  // It does not retry, so that nothing is hidden; it compresses what it sends and asks for
  // compressed answers.
  const client = new Client({
    node: origin,
    maxRetries: 0,
    requestTimeout: 120_000,
    compression: true,
  });
  t.after(() => client.close());
  await t.test('indexes, reads, updates and deletes a document', () => lifecycle(client));
  await t.test('indexes 10,000 documents in bulk and finds them', (its) => bulk(its, client));
  await t.test('gets the errors of the cluster', () => errors(client));
  await t.test('stores and reads large documents', () => largeDocuments(client));
}

async function lifecycle(client: Client): Promise<void> {
  const index = newIndex();
  const id = 'a b/ü%2F';
  assert.equal(await client.indices.exists({ index }), false);
  await client.indices.create({ index, settings: { number_of_shards: 3 } });
  assert.equal(await client.indices.exists({ index }), true);

  const indexed = await client.index({ index, id, document: { name: 'pen', price: 1 } });
  assert.deepEqual([indexed.result, indexed._id], ['created', id]);
  assert.equal(await client.exists({ index, id }), true);
  assert.deepEqual((await client.get({ index, id }))._source, { name: 'pen', price: 1 });
  assert.equal((await client.update({ index, id, doc: { price: 2 } }))._version, 2);
  assert.deepEqual((await client.get({ index, id }))._source, { name: 'pen', price: 2 });

  assert.equal((await client.delete({ index, id })).result, 'deleted');
  assert.equal(await client.exists({ index, id }), false);
  const { body, statusCode } = await failure(client.get({ index, id }));
  assert.deepEqual([statusCode, body.found], [404, false]);
  await client.indices.delete({ index });
}

async function bulk(t: TestContext, client: Client): Promise<void> {
  const index = newIndex();
  const total = products.length;
  await client.indices.create({
    index,
    settings: { number_of_shards: 3, number_of_replicas: 1 },
    mappings: { properties: { name: { type: 'text' }, price: { type: 'integer' } } },
  });
  const stats = await client.helpers.bulk<Product>({
    datasource: [...products],
    onDocument: ({ price }) => ({ index: { _index: index, _id: `${price}` } }),
    flushBytes: 100_000,
    concurrency: 4,
    retries: 0,
    refreshOnCompletion: index,
  });
  assert.deepEqual([stats.failed, stats.successful], [0, total]);
  assert.equal((await client.count({ index })).count, total);

  await t.test('by a search', async () => {
    const { hits } = await client.search<Product>({
      index,
      query: { match: { name: 'pen' } },
      sort: [{ price: 'desc' }],
      size: 3,
    });
    assert.deepEqual(hits.total, { value: total / 10, relation: 'eq' });
    assert.deepEqual(
      hits.hits.map(({ _source }) => _source?.price),
      [9990, 9980, 9970],
    );
  });

  await t.test('by a scroll over all of them', async () => {
    const prices: number[] = [];
    const scroll = client.helpers.scrollDocuments<Product>({ index, size: 1000 });
    for await (const { price } of scroll) prices.push(price);
    assert.equal(prices.length, total);
    assert.equal(new Set(prices).size, total);
  });

  await t.test('by many searches in one request', async () => {
    const helper = client.helpers.msearch({ retries: 0, flushInterval: 20 });
    const found = await Promise.all(
      [1, 22, 333].map(async (price) => {
        const { body } = await helper.search({ index }, { query: { term: { price } } });
        return body.hits.hits[0]?._id;
      }),
    );
    helper.stop();
    assert.deepEqual(found, ['1', '22', '333']);
  });
  await client.indices.delete({ index });
}

async function errors(client: Client): Promise<void> {
  const index = newIndex();
  const missing = await failure(client.search({ index }));
  assert.equal(missing.statusCode, 404);
  assert.equal(missing.body.error?.type, 'index_not_found_exception');

  const document = { name: 'pen', price: 1 };
  await client.create({ index, id: '1', document });
  const conflict = await failure(client.create({ index, id: '1', document }));
  assert.equal(conflict.statusCode, 409);
  assert.equal(conflict.body.error?.type, 'version_conflict_engine_exception');

  const wrongType = await failure(client.index({ index, document: { price: 'much' } }));
  assert.equal(wrongType.statusCode, 400);
  assert.equal(wrongType.body.error?.type, 'mapper_parsing_exception');
  await client.indices.delete({ index });
}

async function largeDocuments(client: Client): Promise<void> {
  const index = newIndex();
  await client.indices.create({ index, mappings: { enabled: false } });
  const texts = largeTexts();
  for (const [i, text] of texts.entries()) {
    const { result } = await client.index({ index, id: `${i}`, document: { text } });
    assert.equal(result, 'created');
  }
  const read = await Promise.all(
    texts.map((_, i) => client.get<{ text: string }>({ index, id: `${i}` })),
  );
  for (const [i, { _source }] of read.entries()) {
    // Not by assert.equal: its message would be megabytes.
    assert.ok(_source?.text === texts[i], `document ${i} is the same`);
  }
  await client.indices.delete({ index });
}
