import { rootSchema } from '../../config/schema/root.ts';
import type { JsonSchema } from '../../config/schema/json-schema.ts';
import { contextSchema } from '../../context/fields/schema.ts';
import type { FilterDefinitionLike } from '../../dialect.ts';
import { GatewayError } from '../../errors.ts';
import { conditions, describe, filterSchema, inBrief, shapesOf, table } from './explain.ts';

type Filters = readonly FilterDefinitionLike[];
type Key = readonly [path: string, schema: JsonSchema];

/** Explains every key. */
export function explainAll(filters: Filters): string {
  return everyKey(filters)
    .map(([path, schema]) => describe(path, schema, filters))
    .join('\n\n');
}

/**
 * Lists the keys with all these words in their name, description, examples or notes.
 * @throws USAGE if there are none
 */
export function search(words: string, filters: Filters): string {
  const wanted = words.toLowerCase().split(/\s+/);
  const found = everyKey(filters).filter(([path, schema]) => {
    const { description = '', unsupported = '', refused = '', examples, enum: values } = schema;
    const told = [path, description, unsupported, refused, JSON.stringify([examples, values])];
    const text = told.join('\n').toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  if (found.length === 0) {
    throw new GatewayError('USAGE', { reason: `no key or explanation contains "${words}"` });
  }
  const rows = found.map(([path, schema]) => [path, inBrief(schema)] as const);
  return [...table(rows), '', 'One of these: evergate explain KEY'].join('\n');
}

function everyKey(filters: Filters): Key[] {
  return [
    ...keysBelow(rootSchema, ''),
    ...filters.flatMap((filter): Key[] => {
      const path = `flow.filter.${filter.name}`;
      const schema = filterSchema(filter);
      return [[path, schema], ...keysBelow(schema, `${path}.`)];
    }),
    ...keysBelow(conditions, ''),
    ...keysBelow(contextSchema, ''),
  ];
}

function keysBelow(schema: JsonSchema, prefix: string): Key[] {
  return shapesOf(schema).flatMap((shape) =>
    Object.entries(shape.properties ?? {}).flatMap(([name, child]): Key[] => [
      [prefix + name, child],
      ...keysBelow(child, `${prefix}${name}.`),
    ]),
  );
}
