import type { JsonSchema } from './schema/schema.ts';
import { plainValue, type Node, type Scalar, type ScalarNode } from './tree.ts';

/**
 * The plain value of a tree, as its schema wants it: what came out of a template takes the expected
 * type, an empty map or list is as good as absent, and lists of filters are left out, since each
 * filter has a schema of its own.
 */
export function realise(node: Node, schema: JsonSchema | undefined): unknown {
  if (!schema) return plainValue(node);
  if (schema.filters) return undefined;
  if (node.kind === 'scalar') return realiseScalar(node, schema);
  if (node.kind === 'list') return node.items.map((item) => realise(item, schema.items) ?? null);
  const value: Record<string, unknown> = {};
  for (const [key, entry] of node.entries) {
    const realised = realise(entry.value, propertySchema(schema, key));
    if (realised !== undefined) value[key] = realised;
  }
  return value;
}

/** Schema of the property `key`, or undefined. */
export function propertySchema(schema: JsonSchema, key: string): JsonSchema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function realiseScalar(node: ScalarNode, schema: JsonSchema): unknown {
  const { value } = node;
  const types = typesOf(schema);
  if (value === null) {
    const absent = !types.has('null') && (types.has('object') || types.has('array'));
    return absent ? undefined : null;
  }
  return node.flexible ? fitting(node, types) : value;
}

/** The value of a template in the type that is expected. */
function fitting({ value, text }: ScalarNode, types: ReadonlySet<string>): Scalar {
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
