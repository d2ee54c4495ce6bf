/** Forwarding by a cluster without the rest of a gateway: what to forward, and nodes to forward to. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import pino from 'pino';
import { type Body, collect } from '../../src/http/body/body.ts';
import {
  type Cluster,
  type ClusterConfig,
  defaultConnections,
  defaultForwardOptions,
  type ForwardOptions,
  type RetryPolicy,
} from '../../src/cluster/cluster.ts';
import { createCluster } from '../../src/cluster/node-cluster.ts';
import { readsOfElasticsearch } from '../../src/cluster/elasticsearch/reads.ts';
import { newContext } from './context.ts';
import { PushedBody, rawBackend } from './raw-backend.ts';

const log = pino({ level: 'silent' });
export const ok = 'HTTP/1.1 200 OK\r\n';

export function open(
  t: TestContext,
  nodes: string[],
  settings: Partial<ClusterConfig> = {},
): Cluster {
  const cluster = createCluster(
    {
      name: 'test',
      nodes,
      weights: {},
      balancer: 'weight',
      basicAuth: null,
      ejectFailing: true,
      connections: defaultConnections,
      ...settings,
    },
    log,
  );
  t.after(() => cluster.close());
  return cluster;
}

export function contextOf(
  method: string,
  target: string,
  headers: string[] = [],
  body: Body = null,
) {
  const fields = headers.includes('Host') ? headers : ['Host', 'client.example', ...headers];
  return newContext({ method, target, headers: fields, body });
}

export function optionsWith(
  retry: Partial<RetryPolicy> = {},
  rest: Partial<ForwardOptions> = {},
): ForwardOptions {
  return {
    ...defaultForwardOptions,
    isRead: readsOfElasticsearch,
    ...rest,
    retry: { ...defaultForwardOptions.retry, delay: 20, ...retry },
  };
}

/** Origin of a node that refuses connections. */
export async function refusing(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

/** Answers every request with `name`. */
export function answering(t: TestContext, name: string, seen: string[] = []) {
  return rawBackend(t, async (peer) => {
    for (;;) {
      seen.push(await peer.head());
      peer.socket.write(`${ok}Content-Length: ${name.length}\r\n\r\n${name}`);
    }
  });
}

/** A body that arrives in two pieces. */
export function streamed(size: number): PushedBody {
  return new PushedBody(size, (sink) => {
    sink.write(Buffer.alloc(size - 1, 'x'));
    setTimeout(() => {
      sink.write(Buffer.from('y'));
      sink.end();
    }, 5);
  });
}

export async function ask(
  cluster: Cluster,
  context = contextOf('GET', '/'),
  options = optionsWith(),
) {
  await cluster.forward(context, options);
  return (await collect(context.response.body, 1e9)).toString();
}
