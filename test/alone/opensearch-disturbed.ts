/**
 * Clients at work on a real cluster while the gateway in front reloads and the cluster's nodes die.
 * Every document carries a number of its own; in the end they are counted, past the gateway.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@opensearch-project/opensearch';
import type { OpenSearchCluster } from '../../scripts/opensearch/cluster.ts';
import { type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

/** How long a reload, or a hundred writes, may take on a busy machine, ms. */
const patienceMs = 300_000;

interface Setting {
  readonly gateway: TestGateway;
  /** The gateway's entry. */
  readonly origin: string;
  /** The nodes themselves. */
  readonly endpoints: readonly string[];
}

/** Asks for reloads, until the timer is cleared. */
function reloadEvery(interval: number, { gateway }: Setting): NodeJS.Timeout {
  return setInterval(() => gateway.process.kill('SIGHUP'), interval);
}

async function createIndex(client: Client): Promise<string> {
  const index = `disturbed-${randomBytes(4).toString('hex')}`;
  await client.indices.create({
    index,
    body: {
      settings: { number_of_shards: 3, number_of_replicas: 1, 'index.refresh_interval': '200ms' },
      mappings: { properties: { number: { type: 'integer' }, writer: { type: 'keyword' } } },
    },
    wait_for_active_shards: 'all',
  });
  return index;
}

/** Every document of the index: its id by its number; fails when a number is there twice. */
async function documentsOf(
  client: Client,
  index: string,
  writer: string,
): Promise<Map<number, string>> {
  await client.indices.refresh({ index });
  const documents = new Map<number, string>();
  const pages = client.helpers.scrollSearch<{ number: number }>({
    index,
    size: 2000,
    body: { query: { term: { writer } } },
  });
  for await (const page of pages) {
    for (const { _id, _source } of page.body.hits.hits as {
      _id: string;
      _source: { number: number };
    }[]) {
      assert.ok(!documents.has(_source.number), `${writer} ${_source.number} is there twice`);
      documents.set(_source.number, _id);
    }
  }
  return documents;
}

/** Bulks and searches through a gateway that reloads each second: nobody notices. */
export async function whileReloading(setting: Setting): Promise<void> {
  const client = new Client({ node: setting.origin, maxRetries: 0, requestTimeout: 120_000 });
  const direct = new Client({ node: setting.endpoints[0] ?? '' });
  try {
    const index = await createIndex(client);
    const before = (await setting.gateway.status()).generation;
    const reloads = reloadEvery(1000, setting);
    let number = 0;
    let searches = 0;
    let working = true;
    const write = async (): Promise<void> => {
      while (working) {
        const batch = Array.from({ length: 200 }, () => ({ number: number++, writer: 'bulk' }));
        const { body } = await client.bulk({
          index,
          body: batch.flatMap((document) => [{ create: { _id: `${document.number}` } }, document]),
        });
        assert.equal(body.errors, false);
      }
    };
    const read = async (): Promise<void> => {
      while (working) {
        const { body } = await client.search({ index, size: 10 });
        assert.equal(body._shards.failed, 0);
        searches += 1;
        await sleep(5);
      }
    };
    const all = Promise.all([write(), write(), read(), read()]);
    const reloaded = eventually(
      'three reloads',
      async () => (await setting.gateway.status()).generation >= before + 3,
      { patienceMs },
    );
    try {
      // A worker's failure ends the wait at once.
      await Promise.race([reloaded, all]);
    } finally {
      working = false;
      clearInterval(reloads);
    }
    await all;
    assert.ok(searches > 20 && number > 400, `${searches} searches, ${number} documents`);
    assert.equal((await documentsOf(direct, index, 'bulk')).size, number);
  } finally {
    await client.close();
    await direct.close();
  }
}

/** What the writers and readers of one run have seen. */
class Ledger {
  /** Numbers whose creation under a given id was acknowledged, at once or in the end. */
  readonly created = new Set<number>();
  /** Numbers written without an id that were acknowledged, with the id given. */
  readonly appended = new Map<number, string>();
  /** Numbers written without an id whose writer got an error: each may be there, once. */
  readonly uncertain = new Set<number>();
  /** Statuses of writes that failed; 0 for a connection that broke. */
  readonly failures: number[] = [];
  /** Reads that were answered, and errors of those that were not. */
  reads = 0;
  readonly readFailures: string[] = [];

  get writes(): number {
    return this.created.size + this.appended.size;
  }
}

function statusOf(error: unknown): number {
  return (error as { statusCode?: number }).statusCode ?? 0;
}

/** Writes under given ids, again and again until it is sure that the document is there. */
async function createById(client: Client, index: string, ledger: Ledger, numbers: () => number) {
  const number = numbers();
  const document = { number, writer: 'create' };
  for (let tries = 1; ; tries += 1) {
    try {
      await client.create({ index, id: `${number}`, body: document });
      break;
    } catch (error) {
      const status = statusOf(error);
      // It is there: an earlier attempt, which ended in an error, was carried out all the same, or
      // the cluster itself repeated it when the node with the shard died (it does so unasked).
      if (status === 409) break;
      ledger.failures.push(status);
      assert.ok(tries < 100, `document ${number} cannot be written: ${String(error)}`);
      await sleep(50);
    }
  }
  ledger.created.add(number);
}

/** Writes without an id, once: whoever repeats it makes a second document. */
async function append(client: Client, index: string, ledger: Ledger, numbers: () => number) {
  const number = numbers();
  try {
    const { body } = await client.index({ index, body: { number, writer: 'append' } });
    ledger.appended.set(number, body._id);
  } catch (error) {
    ledger.failures.push(statusOf(error));
    ledger.uncertain.add(number);
  }
}

async function search(client: Client, index: string, ledger: Ledger): Promise<void> {
  try {
    const { body } = await client.search({ index, size: 5, body: { sort: ['_doc'] } });
    assert.ok(Array.isArray(body.hits.hits));
    ledger.reads += 1;
  } catch (error) {
    ledger.readFailures.push(`${statusOf(error)} ${String(error)}`);
  }
}

/** Index of the node that leads the cluster. */
async function clusterManager({ endpoints, names }: OpenSearchCluster): Promise<number> {
  const response = await fetch(`${endpoints[0]}/_cat/cluster_manager?h=node`);
  return names.indexOf((await response.text()).trim());
}

/**
 * Two nodes, the cluster's manager first, one after the other, die (`kill -9`) and come back, the
 * gateway reloads, and clients write and read all the while. What was acknowledged is
 * there in the end, nothing is there twice, and no reader ever saw an error.
 */
export async function whileNodesDie(
  t: TestContext,
  setting: Setting & { readonly cluster: OpenSearchCluster },
): Promise<void> {
  const { cluster, origin, endpoints } = setting;
  const client = new Client({ node: origin, maxRetries: 0, requestTimeout: 120_000 });
  t.after(() => client.close());
  const index = await createIndex(client);
  const ledger = new Ledger();
  let number = 0;
  const numbers = (): number => number++;
  let working = true;
  const repeat = async (work: () => Promise<void>): Promise<void> => {
    while (working) {
      await work();
      // What matters is when, not how many: the nodes need the processor to start.
      await sleep(10);
    }
  };
  const workers = [
    ...Array.from({ length: 4 }, () => repeat(() => createById(client, index, ledger, numbers))),
    ...Array.from({ length: 4 }, () => repeat(() => append(client, index, ledger, numbers))),
    ...Array.from({ length: 2 }, () => repeat(() => search(client, index, ledger))),
  ];
  const all = Promise.all(workers);
  const reloads = reloadEvery(3000, setting);
  const progress = async (): Promise<void> => {
    const [writes, reads] = [ledger.writes + 100, ledger.reads + 10];
    await eventually(
      'writes and reads to go on',
      () => ledger.writes >= writes && ledger.reads >= reads,
      { patienceMs },
    );
  };
  const disturb = async (): Promise<void> => {
    await progress();
    const manager = await clusterManager(cluster);
    for (const i of [manager, (manager + 1) % endpoints.length]) {
      await cluster.kill(i);
      await progress();
      await cluster.restart(i);
      // Before the next one dies, each shard has its two copies again.
      await cluster.green();
      await progress();
    }
  };
  try {
    // A worker's failure ends the wait at once.
    await Promise.race([disturb(), all]);
  } finally {
    working = false;
    clearInterval(reloads);
    await all;
  }

  t.diagnostic(
    `${ledger.writes} writes acknowledged, ${ledger.failures.length} failed ` +
      `(${[...new Set(ledger.failures)].join(', ')}), ${ledger.reads} reads, ` +
      `${ledger.readFailures.length} failed`,
  );
  const direct = new Client({ node: endpoints[0] ?? '' });
  t.after(() => direct.close());
  const created = await documentsOf(direct, index, 'create');
  assert.deepEqual(
    [...created.keys()].sort((a, b) => a - b),
    [...ledger.created].sort((a, b) => a - b),
  );
  const appended = await documentsOf(direct, index, 'append');
  for (const [n, id] of ledger.appended) {
    assert.equal(appended.get(n), id, `acknowledged document ${n} is there`);
    appended.delete(n);
  }
  for (const n of appended.keys()) {
    assert.ok(ledger.uncertain.has(n), `document ${n} was written by somebody`);
  }
  assert.deepEqual(ledger.readFailures, []);
  // Only what was under way to a node when it died may fail: 8 writers, 2 deaths, and some spare.
  assert.ok(ledger.failures.length <= 40, `${ledger.failures.length} writes failed`);
}
