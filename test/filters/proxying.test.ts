/** The filters that forward: their parameters by the real validation, their requests to real sockets. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import pino from 'pino';
import { loadConfiguration } from '../../src/config/load.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import { collect } from '../../src/context/body.ts';
import { GatewayRequest, RequestContext } from '../../src/context/context.ts';
import { HeaderList } from '../../src/context/header-list.ts';
import elasticsearch from '../../src/filters/elasticsearch.ts';
import http from '../../src/filters/http.ts';
import type { Filter, FilterServices } from '../../src/flow/filter.ts';
import type { Cluster } from '../../src/upstream/cluster.ts';
import { clusterConfigOf, createCluster } from '../../src/upstream/node-cluster.ts';
import { rawBackend } from '../upstream/raw-backend.ts';

const log = pino({ level: 'silent' });
const ok = 'HTTP/1.1 200 OK\r\n';

async function load(t: TestContext, text: string): Promise<GatewayConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'evergate-proxying-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'gateway.yml');
  await writeFile(file, text);
  const { config } = await loadConfiguration({ paths: [file], filters: [http, elasticsearch] });
  return config;
}

function configuration(filter: string, endpoints: string[] = ['http://127.0.0.1:1']): string {
  return `
entry: [{ name: e, router: r, network: { binding: "127.0.0.1:0" } }]
router: [{ name: r, default_flow: f }]
elasticsearch:
  - { name: prod, endpoints: ${JSON.stringify(endpoints)}, basic_auth: { username: u, password: p } }
flow:
  - name: f
    filter: [${filter}]
`;
}

/** The flow's only filter, at work. */
async function build(t: TestContext, text: string): Promise<Filter> {
  const config = await load(t, text);
  const clusters: Cluster[] = [];
  t.after(() => Promise.all(clusters.map((cluster) => cluster.close())));
  const opened = (cluster: Cluster): Cluster => {
    clusters.push(cluster);
    return cluster;
  };
  const services: Pick<FilterServices, 'log' | 'cluster' | 'ownCluster'> = {
    log,
    cluster: () => opened(createCluster(clusterConfigOf(config.elasticsearch[0] as never), log)),
    ownCluster: (own) => opened(createCluster(own, log)),
  };
  const place = config.flow[0]?.filter[0] as unknown as { name: string; parameters: never };
  const definition = place.name === 'http' ? http : elasticsearch;
  return definition.create(place.parameters, services as FilterServices);
}

async function run(filter: Filter, method = 'GET', target = '/'): Promise<string> {
  const client = {
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    localAddress: '127.0.0.1',
    localPort: 2,
    tls: false,
  };
  const headers = new HeaderList(['Host', 'shop.example']);
  const context = new RequestContext(
    1,
    'e',
    client,
    new GatewayRequest(method, target, headers, null),
  );
  assert.equal(typeof filter, 'function');
  await (filter as (context: RequestContext) => Promise<void>)(context);
  return (await collect(context.response.body, 1e6)).toString();
}

function named(t: TestContext, name: string, heads: string[] = []) {
  return rawBackend(t, async (peer) => {
    for (;;) {
      heads.push(await peer.head());
      peer.socket.write(`${ok}Content-Length: ${name.length}\r\n\r\n${name}`);
    }
  });
}

const hostOf = (origin: string): string => new URL(origin).host;

test('http forwards to its hosts in turns, with the Host of the client', async (t) => {
  const heads: string[] = [];
  const a = await named(t, 'a', heads);
  const b = await named(t, 'b', heads);
  const hosts = JSON.stringify([hostOf(a.origin), hostOf(b.origin)]);
  const filter = await build(t, configuration(`{ http: { hosts: ${hosts} } }`));
  const answers = [await run(filter), await run(filter), await run(filter), await run(filter)];
  assert.deepEqual(answers.sort(), ['a', 'a', 'b', 'b']);
  assert.match(heads[0] as string, /\r\nHost: shop\.example\r\n/);
});

test('http gives up after its timeout', async (t) => {
  const silent = await rawBackend(t, () => {});
  const parameters = `{ host: "${hostOf(silent.origin)}", timeout: 150ms }`;
  const filter = await build(t, configuration(`{ http: ${parameters} }`));
  await assert.rejects(run(filter), { code: 'UPSTREAM_TIMEOUT', status: 504 });
});

test('http needs a host, and one that is an address', async (t) => {
  await assert.rejects(load(t, configuration('{ http: {} }')), { code: 'CONFIG_INVALID' });
  await assert.rejects(load(t, configuration('{ http: { host: "http://a:1/x" } }')), {
    code: 'CONFIG_INVALID',
  });
});

test('http checks no servers that it would not leave out', async (t) => {
  const parameters = '{ host: "a:1", skip_failure_host: false, health_check: { enabled: true } }';
  await assert.rejects(load(t, configuration(`{ http: ${parameters} }`)), {
    code: 'CONFIG_INVALID',
  });
});

test('elasticsearch forwards to its cluster, with the Host of the node and its user', async (t) => {
  const heads: string[] = [];
  const a = await named(t, 'a', heads);
  const text = configuration('{ elasticsearch: { elasticsearch: prod } }', [a.origin]);
  assert.equal(await run(await build(t, text)), 'a');
  assert.ok(heads[0]?.includes(`\r\nHost: ${hostOf(a.origin)}\r\n`));
  assert.ok(heads[0]?.includes('\r\nAuthorization: Basic dTpw\r\n'));
});

test('elasticsearch keeps to weights and to the choice of hosts', async (t) => {
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => named(t, name)));
  const [atA, atB, atC] = [a, b, c].map((node) => hostOf(node?.origin as string));
  const endpoints = [a, b, c].map((node) => node?.origin as string);
  const parameters = `{ elasticsearch: prod, filter: { hosts: { exclude: ["${atC}"] } }, weights: [{ host: "${atA}", weight: 3 }, { host: "${atB}", weight: 1 }] }`;
  const filter = await build(t, configuration(`{ elasticsearch: ${parameters} }`, endpoints));
  const answers: string[] = [];
  for (let i = 0; i < 8; i++) answers.push(await run(filter));
  assert.equal(answers.sort().join(''), 'aaaaaabb');
});

const failing = [
  { name: 'a read by default', parameters: '', method: 'GET', requests: 3 },
  {
    name: 'a read, at most as often as told',
    parameters: ', max_retry_times: 1',
    method: 'GET',
    requests: 2,
  },
  { name: 'no write by default', parameters: '', method: 'DELETE', requests: 1 },
  {
    name: 'a write when told',
    parameters: ', retry_writes_on_backend_failure: true, max_retry_times: 2',
    method: 'DELETE',
    requests: 3,
  },
  {
    name: 'no read when told not to',
    parameters: ', retry_readonly_on_backend_failure: false',
    method: 'GET',
    requests: 1,
  },
  {
    name: 'nothing when told not to',
    parameters: ', retry_on_backend_failure: false, retry_writes_on_backend_failure: true',
    method: 'DELETE',
    requests: 1,
  },
];
for (const { name, parameters, method, requests } of failing) {
  test(`elasticsearch repeats ${name}`, async (t) => {
    let seen = 0;
    const bad = await rawBackend(t, async (peer) => {
      await peer.head();
      seen++;
      peer.socket.resetAndDestroy();
    });
    const retries = parameters.includes('max_retry_times') ? '' : ', max_retry_times: 2';
    const all = `{ elasticsearch: prod, retry_delay_in_ms: 10${retries}${parameters} }`;
    const filter = await build(t, configuration(`{ elasticsearch: ${all} }`, [bad.origin]));
    await assert.rejects(run(filter, method, '/i/_doc/1'), {
      code: 'UPSTREAM_BROKEN',
      status: 502,
    });
    assert.equal(seen, requests);
  });
}

test('every parameter of both filters is described', () => {
  for (const { schema } of [http, elasticsearch]) {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      assert.ok(property.description?.endsWith('.'), name);
    }
  }
});
