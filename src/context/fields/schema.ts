import type { JsonSchema } from '../../config/schema/json-schema.ts';
import { fieldTables } from './compile.ts';
import type { DocumentedRule, FieldTable } from './rule.ts';

/** Documentation of every field of the context, in the form that `evergate explain` reads. */
export const contextSchema: JsonSchema = {
  type: 'object',
  description: 'Values that conditions and templates can read, and that filters can set.',
  properties: {
    _ctx: {
      ...tableSchema('_ctx', 'The request, its response, and the connection that it came by.'),
      properties: {
        request: tableSchema('_ctx.request', 'The request as it is now.'),
        response: tableSchema('_ctx.response', 'The response as it is now.'),
        upstream: tableSchema('_ctx.upstream', 'How the request was forwarded.'),
        ...propertiesOf(fieldTables['_ctx']),
      },
    },
    _sys: tableSchema('_sys', 'The machine that the gateway runs on, and its local time.'),
    _util: tableSchema('_util', 'Values that are new each time they are read.'),
  },
};

function tableSchema(name: string, description: string): JsonSchema {
  return { type: 'object', description, properties: propertiesOf(fieldTables[name]) };
}

function propertiesOf(table: FieldTable = {}): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(table).map(([name, rule]) => [name, fieldSchema(rule)]));
}

function fieldSchema({ type, description, set, below }: DocumentedRule): JsonSchema {
  const inner = below?.('name');
  const canBeSet = set ?? inner?.set;
  const whole = canBeSet ? `${description} It can be set.` : description;
  if (!inner) return { type, description: whole };
  const within: JsonSchema = {
    description: whole,
    // A path may have any number of steps.
    get additionalProperties() {
      return within;
    },
  };
  return { type, ...within, additionalProperties: within };
}
