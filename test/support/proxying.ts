/** A filter that forwards, configured and validated as in a gateway, and requests through it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import pino from 'pino';
import { loadConfiguration } from '../../src/config/load.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import { collect } from '../../src/http/body/body.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { compileTemplate } from '../../src/context/template.ts';
import elasticsearch from '../../src/filters/forwarding/elasticsearch.ts';
import http from '../../src/filters/forwarding/http.ts';
import type { Filter, FilterServices } from '../../src/flow/filter.ts';
import type { Cluster } from '../../src/cluster/cluster.ts';
import {
  clusterConfigOf,
  createCluster,
  type NodeCluster,
} from '../../src/cluster/node-cluster.ts';
import { newContext } from './context.ts';
import { rawBackend } from './raw-backend.ts';
import { temporaryFolder } from './temporary-folder.ts';

const log = pino({ level: 'silent' });
export const ok = 'HTTP/1.1 200 OK\r\n';

/** Loads and validates it as a gateway would. */
export async function load(t: TestContext, text: string): Promise<GatewayConfig> {
  const file = join(temporaryFolder(t), 'gateway.yml');
  await writeFile(file, text);
  const { config } = await loadConfiguration({ paths: [file], filters: [http, elasticsearch] });
  return config;
}

/** A configuration with one flow of this filter, and a cluster `prod`. */
export function configuration(
  filter: string,
  endpoints: string[] = ['http://127.0.0.1:1'],
  more = '',
): string {
  return `
entry: [{ name: e, router: r, network: { binding: "127.0.0.1:0" } }]
router: [{ name: r, default_flow: f }]
elasticsearch:
  - { name: prod, endpoints: ${JSON.stringify(endpoints)}, basic_auth: { username: u, password: p }${more} }
flow:
  - name: f
    filter: [${filter}]
`;
}

/** The flow's only filter, at work. `onCluster` is told of its cluster. */
export async function build(
  t: TestContext,
  text: string,
  onCluster: (cluster: NodeCluster) => void = () => {},
): Promise<Filter> {
  const config = await load(t, text);
  const clusters: Cluster[] = [];
  t.after(() => Promise.all(clusters.map((cluster) => cluster.close())));
  const opened = (cluster: NodeCluster): Cluster => {
    clusters.push(cluster);
    onCluster(cluster);
    return cluster;
  };
  const services: Pick<FilterServices, 'log' | 'cluster' | 'ownCluster' | 'template'> = {
    log,
    template: compileTemplate,
    cluster: () => opened(createCluster(clusterConfigOf(config.elasticsearch[0] as never), log)),
    ownCluster: (own) => opened(createCluster(own, log)),
  };
  const place = config.flow[0]?.filter[0] as unknown as { name: string; parameters: never };
  const definition = place.name === 'http' ? http : elasticsearch;
  return definition.create(place.parameters, services as FilterServices);
}

/** Sends one request through the filter; answers the body of the response. @throws a failure */
export async function run(filter: Filter, method = 'GET', target = '/'): Promise<string> {
  const context = newContext({ method, target, headers: ['Host', 'shop.example'] });
  assert.equal(typeof filter, 'function');
  await (filter as (context: RequestContext) => Promise<void>)(context);
  const { failure } = context.response;
  if (failure !== null) throw failure;
  return (await collect(context.response.body, 1e6)).toString();
}

/** A node that answers every request with its name. */
export function named(t: TestContext, name: string, heads: string[] = []) {
  return rawBackend(t, async (peer) => {
    for (;;) {
      heads.push(await peer.head());
      peer.socket.write(`${ok}Content-Length: ${name.length}\r\n\r\n${name}`);
    }
  });
}

export const hostOf = (origin: string): string => new URL(origin).host;
