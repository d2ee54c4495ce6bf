/** Health, discovery and what follows from them, through whole gateways with several workers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import type { ClusterStatus } from '../../src/primary/status/clusters.ts';
import { ask } from '../support/clients.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

/** A node of a cluster that counts its requests and can be switched off and on again. */
class FakeNode {
  readonly name: string;
  readonly host: string;
  port = 0;
  /** Requests for `/`, which are checks, and all others but those for `/_nodes`. */
  checks = 0;
  served = 0;
  discoveries = 0;
  /** Answers everything with this status. */
  status = 200;
  /** What it says the nodes of the cluster are. */
  topology: () => object = () => ({});
  #server: Server | null = null;

  constructor(name: string, host = '127.0.0.1') {
    this.name = name;
    this.host = host;
  }

  get origin(): string {
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  async start(): Promise<this> {
    const server = createServer((incoming, response) => this.#answer(incoming, response));
    server.keepAliveTimeout = 0;
    this.#server = server;
    server.listen(this.port, this.host);
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  #answer(incoming: IncomingMessage, response: ServerResponse): void {
    const { url = '' } = incoming;
    response.statusCode = this.status;
    if (url.startsWith('/_nodes')) {
      this.discoveries++;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ cluster_name: 'c', nodes: this.topology() }));
    } else {
      if (url === '/') this.checks++;
      else this.served++;
      response.end(this.name);
    }
  }
}

async function startNode(t: TestContext, name: string, host?: string): Promise<FakeNode> {
  const node = await new FakeNode(name, host).start();
  t.after(() => node.stop());
  return node;
}

/** `_nodes/http` of those nodes. */
function topologyOf(nodes: readonly { name: string; address: string; [key: string]: unknown }[]) {
  return Object.fromEntries(
    nodes.map(({ name, address, roles = ['data', 'ingest'], attributes = {} }) => [
      `id-${name}`,
      { name, roles, attributes, http: { publish_address: address, bound_address: [address] } },
    ]),
  );
}

function configuration(cluster: string, flow = '{ elasticsearch: { elasticsearch: prod } }') {
  return `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [${flow}] }]
elasticsearch: [{ name: prod, ${cluster} }]
`;
}

const quick = 'health_check: { interval: 1s, timeout: 2s }';

async function clusterOf(gateway: TestGateway): Promise<ClusterStatus> {
  const { clusters } = await gateway.status();
  return clusters.find(({ name }) => name === 'prod') ?? assert.fail('no cluster');
}

/** States of the nodes as one text: `a up, b down`, by the last part of their origin. */
async function states(gateway: TestGateway): Promise<string> {
  const { nodes } = await clusterOf(gateway);
  return nodes.map(({ origin, check }) => `${new URL(origin).port} ${check}`).join(', ');
}

suite('clusters', () => {
  test('one worker checks for all; a dead node is left out everywhere and comes back', async (t) => {
    const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
    const gateway = await startGateway(
      t,
      configuration(`endpoints: ["${a.origin}", "${b.origin}"], ${quick}`),
      { args: ['--workers', '4'] },
    );
    const origin = await gateway.origin('main');
    const both = `${a.port} up, ${b.port} up`;
    await eventually('both to be up', async () => (await states(gateway)) === both);
    const before = a.checks;
    const start = performance.now();
    await eventually('three more checks', () => a.checks >= before + 3);
    const seconds = (performance.now() - start) / 1000;
    assert.ok(a.checks - before <= seconds + 2, `${a.checks - before} checks in ${seconds} s`);

    await b.stop();
    await eventually('b to be down for all workers', async () => {
      const { nodes } = await clusterOf(gateway);
      const down = nodes.find((node) => node.origin === b.origin);
      return down?.check === 'down' && down.left_out_by === 4;
    });
    for (let i = 0; i < 20; i++) assert.equal((await ask(`${origin}/x`)).body, 'a');

    await b.start();
    await eventually('b to be used again', async () => {
      const { nodes } = await clusterOf(gateway);
      return nodes.every((node) => node.check === 'up' && node.left_out_by === 0);
    });
    const bodies = new Set<string>();
    for (let i = 0; i < 20; i++) bodies.add((await ask(`${origin}/x`)).body);
    assert.deepEqual([...bodies].sort(), ['a', 'b']);
  });

  test('servers of an http filter are checked, too, when that is asked for', async (t) => {
    const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
    const hosts = `hosts: ["127.0.0.1:${a.port}", "127.0.0.1:${b.port}"]`;
    const http = (more = ''): string => `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ http: { ${hosts}${more} } }] }]
`;
    const gateway = await startGateway(t, http(), { args: ['--workers', '3'] });
    const origin = await gateway.origin('main');
    const node = async (port: number) => {
      const [cluster] = (await gateway.status()).clusters;
      const found = cluster?.nodes.find((each) => each.origin.endsWith(`:${port}`));
      return found ?? assert.fail('no such node');
    };
    for (let i = 0; i < 6; i++) await ask(`${origin}/x`);
    assert.equal((await node(b.port)).check, 'unknown');
    assert.equal(a.checks + b.checks, 0);

    gateway.write(http(', health_check: { enabled: true, interval: 1s, timeout: 2s }'));
    assert.equal((await gateway.reload()).status, 200);
    await eventually('both to be up', async () => {
      return (await node(a.port)).check === 'up' && (await node(b.port)).check === 'up';
    });
    // Nobody asks for anything, and yet every worker gets to know.
    await b.stop();
    await eventually('b to be left out everywhere', async () => {
      const { check, left_out_by } = await node(b.port);
      return check === 'down' && left_out_by === 3;
    });
    for (let i = 0; i < 6; i++) assert.equal((await ask(`${origin}/x`)).body, 'a');
    await b.start();
    await eventually('b to be used again', async () => (await node(b.port)).left_out_by === 0);
    const before = a.checks;
    const start = performance.now();
    await eventually('three more checks', () => a.checks >= before + 3);
    const seconds = (performance.now() - start) / 1000;
    assert.ok(a.checks - before <= seconds + 2, 'one worker checks for all');
  });

  test('when the worker that watches dies, another one watches', async (t) => {
    const a = await startNode(t, 'a');
    const gateway = await startGateway(t, configuration(`endpoint: "${a.origin}", ${quick}`));
    await eventually('a check', () => a.checks > 0);
    const { workers } = await gateway.status();
    const watcher = workers.find(({ slot }) => slot === 0) ?? assert.fail();
    process.kill(watcher.pid, 'SIGKILL');
    await eventually('its replacement', async () => {
      const { workers: now } = await gateway.status();
      return now.length === 2 && now.every(({ pid }) => pid !== watcher.pid);
    });
    await a.stop();
    await eventually('the new watcher to notice', async () => {
      return (await states(gateway)) === `${a.port} down`;
    });
  });

  test('a reload keeps what is known, and watches as the new configuration says', async (t) => {
    const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
    const gateway = await startGateway(t, configuration(`endpoint: "${a.origin}", ${quick}`));
    await eventually('a to be up', async () => (await states(gateway)) === `${a.port} up`);
    gateway.write(configuration(`endpoint: "${b.origin}", ${quick}`));
    assert.equal((await gateway.reload()).status, 200);
    await eventually('b to be up', async () => (await states(gateway)) === `${b.port} up`);
    const { checks } = a;
    await eventually('more checks of b', () => b.checks > 3);
    assert.ok(a.checks <= checks + 1, 'a is checked no more');
  });

  test('nodes are discovered; those that cannot be reached from here are not used', async (t) => {
    const [seed, found] = [await startNode(t, 'seed'), await startNode(t, 'found', '127.0.0.2')];
    seed.topology = () =>
      topologyOf([
        { name: 'seed', address: `127.0.0.1:${seed.port}` },
        { name: 'found', address: `found.internal/127.0.0.2:${found.port}` },
        { name: 'inside', address: '127.0.0.3:1' },
      ]);
    found.topology = seed.topology;
    const discovery = 'discovery: { enabled: true, refresh: { interval: 1s } }';
    const gateway = await startGateway(
      t,
      configuration(`endpoint: "${seed.origin}", ${discovery}, ${quick}`),
    );
    const origin = await gateway.origin('main');
    await eventually('the found node', async () => {
      return (await states(gateway)) === `${seed.port} up, ${found.port} up`;
    });
    const bodies: string[] = [];
    for (let i = 0; i < 40; i++) bodies.push((await ask(`${origin}/x`)).body);
    // Each of the two workers gives them turns of its own.
    const seeds = bodies.filter((body) => body === 'seed').length;
    assert.ok(Math.abs(seeds - 20) <= 2, `${seeds} of 40 went to the configured node`);
    const { nodes } = await clusterOf(gateway);
    assert.equal(nodes[1]?.name, 'found');
    assert.deepEqual(nodes[1]?.roles, ['data', 'ingest']);

    // The cluster shrinks to one node that is not the configured one, which is the last resort then.
    found.topology = () => topologyOf([{ name: 'found', address: `127.0.0.2:${found.port}` }]);
    seed.topology = found.topology;
    await eventually('only the found node to be used', async () => {
      const { served } = seed;
      for (let i = 0; i < 8; i++) await ask(`${origin}/x`);
      return seed.served === served;
    });
    await found.stop();
    for (let i = 0; i < 8; i++) assert.equal((await ask(`${origin}/x`)).body, 'seed');
  });

  test('clients that sniff are told the published address', async (t) => {
    const node = await startNode(t, 'a');
    node.topology = () => topologyOf([{ name: 'a', address: `127.0.0.1:${node.port}` }]);
    const filter = 'elasticsearch: { elasticsearch: prod, publish_address: "gateway.example:80" }';
    const gateway = await startGateway(
      t,
      configuration(`endpoint: "${node.origin}", discovery.enabled: true`, `{ ${filter} }`),
    );
    const origin = await gateway.origin('main');
    for (const path of ['/_nodes/http', '/_nodes/_all/http?pretty']) {
      const { body, headers } = await ask(`${origin}${path}`);
      const { nodes } = JSON.parse(body) as ReturnType<typeof topologyOf> as never;
      const { name, http } = nodes['id-a'] as { name: string; http: unknown };
      assert.equal(name, 'a');
      const address = 'gateway.example:80';
      assert.deepEqual(http, { publish_address: address, bound_address: [address] });
      assert.equal(Number(headers['content-length']), body.length);
    }
    assert.equal((await ask(`${origin}/x`)).body, 'a');
  });

  test('roles and tags decide which discovered nodes are used', async (t) => {
    const nodes = [
      await startNode(t, 'hot'),
      await startNode(t, 'cold', '127.0.0.2'),
      await startNode(t, 'master', '127.0.0.3'),
    ] as const;
    const [hot, cold, master] = nodes;
    const topology = topologyOf([
      { name: 'hot', address: `127.0.0.1:${hot.port}`, attributes: { temp: 'hot' } },
      { name: 'cold', address: `127.0.0.2:${cold.port}`, attributes: { temp: 'cold' } },
      { name: 'master', address: `127.0.0.3:${master.port}`, roles: ['master'] },
    ]);
    for (const node of nodes) node.topology = () => topology;
    const filter = '{ tags: { exclude: [{ temp: cold }] }, roles: { include: [data] } }';
    const gateway = await startGateway(
      t,
      configuration(
        `endpoints: ["${master.origin}", "${cold.origin}"], discovery.enabled: true, ${quick}`,
        `{ elasticsearch: { elasticsearch: prod, filter: ${filter} } }`,
      ),
    );
    const origin = await gateway.origin('main');
    await eventually('all three', async () => (await clusterOf(gateway)).nodes.length === 3);
    for (let i = 0; i < 12; i++) assert.equal((await ask(`${origin}/x`)).body, 'hot');
    // Nothing that is wanted is left: the configured node that is not excluded is the last resort.
    await hot.stop();
    for (let i = 0; i < 12; i++) assert.equal((await ask(`${origin}/x`)).body, 'master');
    assert.equal(cold.served, 0);
  });

  test('cluster_available follows the checks; a health check can be asked for', async (t) => {
    const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
    const gateway = await startGateway(
      t,
      `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router:
  - name: main
    default_flow: main
    rules: [{ method: GET, pattern: /check, flow: [check] }]
flow:
  - name: check
    filter: [{ elasticsearch_health_check: { elasticsearch: prod } }, { echo: { message: asked } }]
  - name: main
    filter:
      - if: { cluster_available: [prod] }
        then: [{ elasticsearch: { elasticsearch: prod } }]
        else: [{ elasticsearch: { elasticsearch: backup } }]
elasticsearch:
  - { name: prod, endpoint: "${a.origin}", health_check.interval: 1h }
  - { name: backup, endpoint: "${b.origin}", health_check.enabled: false }
`,
    );
    const origin = await gateway.origin('main');
    await eventually('the first check', async () => (await states(gateway)) === `${a.port} up`);
    assert.equal(b.checks, 0);
    assert.equal((await ask(`${origin}/x`)).body, 'a');
    a.status = 503;
    await eventually('prod to be unavailable', async () => {
      assert.equal((await ask(`${origin}/check`)).body, 'asked');
      return (await ask(`${origin}/x`)).body === 'b';
    });
    assert.equal((await clusterOf(gateway)).available, false);
    a.status = 200;
    await eventually('prod to be available', async () => {
      assert.equal((await ask(`${origin}/check`)).body, 'asked');
      return (await ask(`${origin}/x`)).body === 'a';
    });
  });
});
