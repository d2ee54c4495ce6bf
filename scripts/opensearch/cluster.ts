/** A real OpenSearch cluster on loopback, in temporary folders, for tests and for trying out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenSearchNode } from './node.ts';

/** How long a cluster may take to get all its shards ready, ms. */
const GREEN_TIMEOUT = 300_000;

export interface OpenSearchCluster {
  /** Names of the nodes, in the order of their endpoints. */
  readonly names: readonly string[];
  /** Origins of the nodes' REST interfaces, `http://127.0.0.1:port`. */
  readonly endpoints: readonly string[];
  /** Kills a node as a crash would (`kill -9`); resolves when its process is gone. */
  kill(index: number): Promise<void>;
  /** Starts a killed node on its old data and ports; resolves when it is in the cluster again. */
  restart(index: number): Promise<void>;
  /** Waits until every running node is in the cluster and every shard copy is in use. */
  green(): Promise<void>;
  /** Ends every node and removes what they wrote. */
  stop(): Promise<void>;
}

export interface OpenSearchOptions {
  readonly nodes?: number;
  /** Settings for the configuration of each node, by its index. */
  readonly settingsOf?: (index: number) => Readonly<Record<string, unknown>>;
}

/**
 * Starts a cluster and waits until it is ready. It ends with the process that started it, at the
 * latest.
 * @throws Error when Java or Maven is missing, or a node does not start
 */
export async function startOpenSearch({
  nodes = 3,
  settingsOf = () => ({}),
}: OpenSearchOptions = {}): Promise<OpenSearchCluster> {
  const ports = await freePorts(2 * nodes);
  const folder = mkdtempSync(join(tmpdir(), 'evergate-opensearch-'));
  const names = Array.from({ length: nodes }, (_, i) => `node-${i}`);
  const members: OpenSearchNode[] = [];

  const atExit = (): void => {
    for (const node of members) node.killNow();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', atExit);

  const member = (index: number): OpenSearchNode => {
    const node = members[index];
    if (!node) throw new RangeError(`no node ${index}`);
    return node;
  };
  const cluster: OpenSearchCluster = {
    names,
    get endpoints() {
      return members.map(({ endpoint }) => endpoint);
    },
    kill: (index) => member(index).kill(),
    restart: (index) => member(index).start(),
    green: () => waitForGreen(members),
    async stop() {
      process.off('exit', atExit);
      await Promise.all(members.map((node) => node.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };

  try {
    for (const [i, name] of names.entries()) {
      members.push(
        new OpenSearchNode({
          name,
          folder: join(folder, name),
          httpPort: ports[i] ?? 0,
          transportPort: ports[nodes + i] ?? 0,
          settings: {
            'cluster.name': 'evergate',
            'cluster.initial_cluster_manager_nodes': names,
            'discovery.seed_hosts': ports.slice(nodes).map((port) => `127.0.0.1:${port}`),
            'discovery.find_peers_interval': '200ms',
            // A disk that is nearly full is no matter here.
            'cluster.routing.allocation.disk.threshold_enabled': false,
            'node.processors': 1,
            ...settingsOf(i),
          },
        }),
      );
    }
    await Promise.all(members.map((node) => node.start()));
    await cluster.green();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function waitForGreen(members: readonly OpenSearchNode[]): Promise<void> {
  const running = members.filter((node) => node.running);
  const query = `wait_for_status=green&wait_for_nodes=${running.length}&wait_for_no_initializing_shards=true&wait_for_no_relocating_shards=true`;
  const url = `${running[0]?.endpoint}/_cluster/health?${query}&timeout=${GREEN_TIMEOUT}ms`;
  const response = await fetch(url, { signal: AbortSignal.timeout(GREEN_TIMEOUT + 5000) });
  const health = await response.text();
  if (!response.ok) throw new Error(`OpenSearch did not become green: ${health}`);
}

/**
 * Ports that nothing uses, from below the range that systems give to outgoing connections: one from
 * within could be taken while its node is down.
 */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > 1000) throw new Error('no free ports');
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
