import type { JsonSchema } from '../schema/json-schema.ts';
import { typed } from '../source/substitution.ts';
import { plainValue, type Node, type Scalar, type ScalarNode } from '../source/tree.ts';

/**
 * The plain value of a tree, as its schema wants it: what came out of a template takes the expected
 * type, one value stands for a list of one, an empty map or list is as good as absent, and lists of
 * filters are left out, since each filter has a schema of its own. When `loose`, every value takes
 * the expected type: 123 is a text where a text is expected, and "429" a number where a number is.
 */
export function realise(node: Node, schema: JsonSchema | undefined, loose = false): unknown {
  if (!schema) return plainValue(node);
  if (schema.filters) return undefined;
  if (node.kind === 'scalar') return realiseScalar(node, schema, loose);
  if (node.kind === 'list') {
    return node.items.map((item) => realise(item, schema.items, loose) ?? null);
  }
  const value: Record<string, unknown> = {};
  for (const [key, entry] of node.entries) {
    const realised = realise(entry.value, propertySchema(schema, key), loose);
    if (realised !== undefined) value[key] = realised;
  }
  return value;
}

/** Schema of the property `key`, or undefined. */
export function propertySchema(schema: JsonSchema, key: string): JsonSchema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** Whether one value may stand in place of a list: the schema wants a list of simple values. */
export function takesOneAlone(schema: JsonSchema): boolean {
  if (schema.type !== 'array' || !schema.items || schema.filters) return false;
  const types = typesOf(schema.items);
  return types.size > 0 && !types.has('object') && !types.has('array');
}

function realiseScalar(node: ScalarNode, schema: JsonSchema, loose: boolean): unknown {
  const { value } = node;
  if (schema.noLimit && /^-1(s|ms|b)?$/.test(node.text)) return 0;
  const types = typesOf(schema);
  if (value === null) {
    const absent = !types.has('null') && (types.has('object') || types.has('array'));
    return absent ? undefined : null;
  }
  if (takesOneAlone(schema)) return [realiseScalar(node, schema.items as JsonSchema, loose)];
  // A name or a password may be a number: it is the text that was written.
  const isText = typeof value === 'number' && types.has('string') && types.size === 1;
  return loose || node.flexible || isText ? fitting(node, types) : value;
}

/** Words for true and false in older versions of YAML. */
const words = new Map([
  ['yes', true],
  ['on', true],
  ['no', false],
  ['off', false],
]);

/** The value in the type that is expected. */
function fitting(node: ScalarNode, types: ReadonlySet<string>): Scalar {
  const { text } = node;
  const isMisplaced = typeof node.value === 'string' && types.size > 0 && !types.has('string');
  const value = isMisplaced ? (words.get(text) ?? typed(text)) : node.value;
  if (typeof value === 'number') {
    const asNumber = types.has('number') || (types.has('integer') && Number.isInteger(value));
    if (asNumber || types.size === 0) return value;
  }
  if (typeof value === 'boolean' && (types.has('boolean') || types.size === 0)) return value;
  return types.has('string') ? text : value;
}

/** Every type that the schema allows; empty when it does not say. */
export function typesOf(schema: JsonSchema): ReadonlySet<string> {
  const types = new Set<string>();
  if (schema.type !== undefined) for (const type of [schema.type].flat()) types.add(type);
  if (schema.const !== undefined) types.add(typeof schema.const);
  for (const value of schema.enum ?? []) types.add(typeof value);
  for (const branch of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    for (const type of typesOf(branch)) types.add(type);
  }
  return types;
}
