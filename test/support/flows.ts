import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import pino from 'pino';
import { type LoadedConfiguration, loadConfiguration } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { isBuffered } from '../../src/http/body/body.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { syntax } from '../../src/cli/syntax-checks.ts';
import { filters } from '../../src/filters/index.ts';
import { type CompiledFlow, compileFlows } from '../../src/flow/compiler.ts';
import type { FlowServices } from '../../src/flow/filter.ts';
import { LocalLeaseKeeper } from '../../src/shared-limits/primary/lease-keeper.ts';
import type { Cluster } from '../../src/cluster/cluster.ts';
import { type ContextOptions, newContext } from './context.ts';
import { LeasingWorker } from './leasing-worker.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Flows at work, without an entry in front. */
export interface RunningFlows {
  /** Lets a request go through the flow of that name; the first one when it is not said. */
  readonly ask: (request?: ContextOptions, flow?: string) => Promise<RequestContext>;
  /** The same, for a request that is there already. */
  readonly run: (context: RequestContext, flow?: string) => Promise<void>;
  /** Lines that were logged. */
  readonly logged: readonly string[];
  /** Where filters record; goes with the test. */
  readonly logFolder: string;
  /** Closes the filters, as the end of the test does. */
  readonly close: () => Promise<void>;
}

export interface FlowOptions {
  /** What each cluster does with a request. */
  readonly forward?: (context: RequestContext, cluster: string) => void | Promise<void>;
}

/** Flows given as they stand in a configuration: YAML that begins with `flow:`. */
export async function startFlows(
  t: TestContext,
  yaml: string,
  { forward = () => {} }: FlowOptions = {},
): Promise<RunningFlows> {
  const { config } = await load(t, yaml);
  const logged: string[] = [];
  let compiled: ReadonlyMap<string, CompiledFlow> = new Map();
  // As if the primary were here.
  const { windows } = new LeasingWorker(new LocalLeaseKeeper());
  t.after(() => windows.close());
  const services: FlowServices = {
    limit: (id, rules) => windows.open(id, rules),
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    cluster: (name) => fakeCluster(name, forward),
    ownCluster: ({ name }) => fakeCluster(name, forward),
    flow: (name) => (context) => compiled.get(name)?.handle(context),
    hasFlow: (name) => compiled.has(name),
    logFolder: config.path.logs,
  };
  const definitions = new Map(filters.map((filter) => [filter.name, filter]));
  compiled = compileFlows(config.flow, definitions, services);
  t.after(() => closeAll(compiled.values()));
  const run = async (context: RequestContext, name = config.flow[0]?.name ?? ''): Promise<void> => {
    await compiled.get(name)?.handle(context);
  };
  return {
    logged,
    logFolder: config.path.logs,
    close: () => closeAll(compiled.values()),
    run,
    async ask(request, name) {
      const context = newContext(request);
      await run(context, name);
      if (isBuffered(context.response.body)) context.end();
      return context;
    },
  };
}

async function closeAll(flows: Iterable<CompiledFlow>): Promise<void> {
  for (const flow of flows) await flow.close();
}

function fakeCluster(name: string, forward: NonNullable<FlowOptions['forward']>): Cluster {
  const cluster: Cluster = {
    name,
    requestTimeout: 30_000,
    forward: async (context) => forward(context, name),
    view: () => cluster,
    close: () => Promise.resolve(),
  };
  return cluster;
}

/** Everything that is wrong with such flows, as `path: message`. */
export async function problemsOf(t: TestContext, yaml: string): Promise<string[]> {
  try {
    await load(t, yaml);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

/** What is warned of in such flows, as `path: message`. */
export async function warningsOf(t: TestContext, yaml: string): Promise<string[]> {
  const { warnings } = await load(t, yaml);
  return warnings.map(({ path, message }) => `${path}: ${message}`);
}

/** Loads flows, with the rest of a configuration around them. */
export async function load(t: TestContext, yaml: string): Promise<LoadedConfiguration> {
  const file = join(temporaryFolder(t), 'evergate.yml');
  const clusters = ['es1', 'es2', 'dev'].map(
    (name) => `  - { name: ${name}, endpoint: "http://127.0.0.1:9200" }\n`,
  );
  const rest = `entry: [{ name: main }]\nrouter: [{ name: default }]\nelasticsearch:\n`;
  await writeFile(file, `${yaml}\n${rest}${clusters.join('')}`);
  return loadConfiguration({ paths: [file], filters, syntax, environment: {} });
}
