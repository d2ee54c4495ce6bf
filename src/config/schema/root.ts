import { apiSchema } from './api.ts';
import { elasticsearchSchema } from './clusters/cluster.ts';
import { entrySchema } from './entries/entry.ts';
import { flowSchema } from './flow.ts';
import {
  configsSchema,
  envSchema,
  instancesSchemas,
  logSchema,
  pathSchema,
  pluginsSchema,
  workersSchema,
} from './gateway.ts';
import { routerSchema } from './router.ts';
import { supervisionSchema } from './supervision.ts';
import type { JsonSchema } from './json-schema.ts';

/** The whole configuration. */
export const rootSchema: JsonSchema = {
  type: 'object',
  description: 'The configuration of the gateway.',
  additionalProperties: false,
  properties: {
    entry: entrySchema,
    router: routerSchema,
    flow: flowSchema,
    elasticsearch: elasticsearchSchema,
    workers: workersSchema,
    ...instancesSchemas,
    supervision: supervisionSchema,
    api: apiSchema,
    plugins: pluginsSchema,
    env: envSchema,
    path: pathSchema,
    configs: configsSchema,
    log: logSchema,
  },
};
