import type { FilterDefinitionLike } from '../../dialect.ts';
import { branchProperties, conditionSchema } from '../../config/schema/condition.ts';
import { rootSchema } from '../../config/schema/root.ts';
import type { JsonSchema } from '../../config/schema/json-schema.ts';

type Draft7 = Readonly<Record<string, unknown>>;

/** A placeholder for a value of the environment, a template or the context. */
const placeholder = '\\$\\[\\[';
/** `path.data: x` means `path: { data: x }`; an editor cannot check its value. */
const dottedKeys: Draft7 = { '\\.': {} };

/**
 * The schema of the configuration for editors, as JSON Schema draft-07, which most of them support: it
 * completes keys, shows their meaning and marks misspelt ones. References, such as the names of
 * routers, are left to `evergate check`.
 */
export function editorSchema(filters: readonly FilterDefinitionLike[]): Draft7 {
  const condition = { $ref: '#/definitions/condition' };
  const parameters = filters.map(({ name, summary, schema }) => [
    name,
    standard({ ...schema, description: summary }, { when: condition }),
  ]);
  const branches = Array.from(branchProperties, ([name, schema]) => [name, standard(schema)]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Evergate configuration',
    ...standard(rootSchema),
    definitions: {
      filters: {
        type: ['array', 'object', 'null'],
        items: { $ref: '#/definitions/filter' },
        anyOf: [{ type: ['array', 'null'] }, { $ref: '#/definitions/filter' }],
      },
      filter: {
        type: ['object', 'null'],
        properties: Object.fromEntries([...parameters, ...branches]),
        patternProperties: dottedKeys,
        additionalProperties: false,
      },
      condition: standard(conditionSchema),
    },
  };
}

/** Converts a schema to standard JSON Schema. @param more further properties of a map */
function standard(schema: JsonSchema, more: Draft7 = {}): Draft7 {
  const about = {
    ...(schema.description !== undefined && { description: schema.description }),
    ...(schema.default !== undefined && { default: schema.default }),
    ...(schema.examples && { examples: schema.examples }),
    ...((schema.unsupported ?? schema.refused) !== undefined && { deprecated: true }),
  };
  if (schema.filters) return { ...about, $ref: '#/definitions/filters' };
  const choices =
    schema.anyOf?.map((one) => standard(one)) ?? schema.oneOf?.map((one) => standard(one));
  if (choices) return { ...about, anyOf: choices };
  if (schema.const !== undefined) return { ...about, const: schema.const };
  if (schema.enum) {
    return { ...about, anyOf: [{ enum: schema.enum }, { type: 'string', pattern: placeholder }] };
  }
  return { ...ruleOf(schema, more), ...about };
}

function ruleOf(schema: JsonSchema, more: Draft7): Draft7 {
  const types = new Set<string>([schema.type ?? []].flat());
  const { maximum, items, required, additionalProperties: others } = schema;
  const minimum = schema.noLimit && schema.minimum === 0 ? -1 : schema.minimum;
  const isList = types.has('array');
  const isMap = types.has('object');
  // Null means empty, and a list of one item may be the item alone.
  if (isList || isMap) types.add('null');
  const one = isList && items ? standard(items) : {};
  if (isList) for (const type of [one['type'] ?? []].flat()) types.add(type as string);
  const scalar = types.size > 0 && !isList && !isMap && !types.has('string');
  if (scalar) types.add('string');
  // A name or a password may look like a number.
  if (types.size === 1 && types.has('string')) types.add('number');
  return {
    ...(isList && one),
    ...(types.size > 0 && { type: [...types] }),
    // Text in place of a number or a boolean.
    ...(scalar && { pattern: placeholder }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(required && { required }),
    ...(isList && items && { items: one }),
    ...(isMap && {
      properties: { ...mapped(schema.properties ?? {}), ...more },
      patternProperties: dottedKeys,
      ...(others !== undefined && {
        additionalProperties: typeof others === 'object' ? standard(others) : others,
      }),
    }),
  };
}

function mapped(properties: Readonly<Record<string, JsonSchema>>): Draft7 {
  const entries = Object.entries(properties).map(([name, schema]) => [name, standard(schema)]);
  return Object.fromEntries(entries);
}
