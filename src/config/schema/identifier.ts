import type { JsonSchema } from './json-schema.ts';

/** `id`, which INFINI Console writes beside a name. */
export function identifier(what: string): JsonSchema {
  return {
    type: 'string',
    description: `Another name for the ${what}: what refers to it may use either. By default there is none.`,
    examples: ['d1fk2p3v50l7'],
  };
}
