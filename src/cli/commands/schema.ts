import type { FilterDefinitionLike } from '../../dialect.ts';
import { branchProperties, conditionSchema } from '../../config/schema/condition.ts';
import { rootSchema } from '../../config/schema/root.ts';
import type { JsonSchema } from '../../config/schema/json-schema.ts';

type Draft7 = Readonly<Record<string, unknown>>;

/** A text that stands for a value: of the environment, of a template, of the request. */
const placeholder = '\\$\\[\\[';
/** `path.data: x` is the same as `path: { data: x }`; into it an editor cannot look. */
const dottedKeys: Draft7 = { '\\.': {} };

/**
 * The schema of the configuration for editors, as JSON Schema draft-07, which most of them take: it
 * completes keys, shows what they mean and marks what is misspelt. What it cannot know, such as which
 * router there is, `evergate check` does.
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

/** What a schema says in the words of the standard. @param more further properties of a map */
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
  // Nothing is as good as an empty one, and a list of one need not be a list.
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
    // Of what is text where a number or a truth is wanted.
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
