import { expectation } from '../../config/validation/describe.ts';
import { takesOneAlone, typesOf } from '../../config/validation/coerce.ts';
import type { FilterDefinitionLike } from '../../dialect.ts';
import { knownFilters, unsupportedSections } from '../../config/schema/infini.ts';
import { branchProperties, conditionSchema } from '../../config/schema/condition.ts';
import { rootSchema } from '../../config/schema/root.ts';
import { type JsonSchema, markOf } from '../../config/schema/json-schema.ts';
import { didYouMean } from '../../suggest.ts';
import type { TextSyntax } from '../../config/schema/json-schema.ts';
import { contextSchema } from '../../context/fields/schema.ts';
import { GatewayError } from '../../errors.ts';

type Filters = readonly FilterDefinitionLike[];

/**
 * Explains a key: meaning, type, default, examples and inner keys. Without a key, an overview.
 * @throws USAGE for an unknown key
 */
export function explain(key: string | undefined, filters: Filters): string {
  if (key === undefined || key === '') return overview(filters);
  const steps = key.split(/\.|\[\d*\]\.?/).filter((step) => step !== '');
  const start = steps[0] ?? '';
  const filter = filterNamed(start, filters);
  if (!filter) return explainPath(rootFor(start), steps, 0, filters);
  const own = filterSchema(filter);
  // Some filters have the name of a section. A key that the section lacks may be the filter's.
  const inSection = resolve(rootSchema, steps, filters) !== undefined;
  const other = resolve(own, steps.slice(1), filters);
  if (!inSection && (other || !resolve(rootSchema, steps.slice(0, 2), filters))) {
    return explainPath(own, steps, 1, filters);
  }
  const also = other ? `\n\n  Also a filter: flow.filter.${steps.join('.')}` : '';
  return explainPath(rootSchema, steps, 0, filters) + also;
}

/** The schema at which a key that is not a filter's begins. */
function rootFor(start: string): JsonSchema {
  const others = [conditions, contextSchema];
  return others.find(({ properties = {} }) => Object.hasOwn(properties, start)) ?? rootSchema;
}

/** The schema at the end of these steps, or undefined. */
function resolve(
  from: JsonSchema,
  steps: readonly string[],
  filters: Filters,
): JsonSchema | undefined {
  let schema: JsonSchema | undefined = from;
  for (const step of steps) schema = schema && childNamed(schema, step, filters);
  return schema;
}

/** Operators, and the keys that contain conditions. */
export const conditions: JsonSchema = {
  properties: { ...Object.fromEntries(branchProperties), ...conditionSchema.properties },
};

function overview(filters: Filters): string {
  return [
    'Sections of the configuration:',
    ...table(childrenOf(rootSchema, filters)),
    '',
    'Filters, for flow.filter:',
    ...table(filters.map((filter) => [filter.name, filter.summary])),
    '',
    'Conditions, for when and if:',
    ...table(childrenOf(conditionSchema, filters)),
    '',
    'Fields of the context, for conditions and templates:',
    ...table(childrenOf(contextSchema, filters)),
    '',
    'One of these: evergate explain KEY, such as entry.network.reuse_port',
    'Keys by subject: evergate explain --search WORD; all keys: evergate explain --all',
    'Errors that clients can receive: evergate explain errors',
  ].join('\n');
}

function explainPath(
  from: JsonSchema,
  steps: readonly string[],
  start: number,
  filters: Filters,
): string {
  let schema = from;
  for (const [index, step] of steps.entries()) {
    if (index < start) continue;
    const next = childNamed(schema, step, filters);
    if (!next) throw unknownKey(steps.slice(0, index), step, schema, filters);
    schema = next;
  }
  return describe(steps.join('.'), schema, filters);
}

function childNamed(schema: JsonSchema, name: string, filters: Filters): JsonSchema | undefined {
  if (schema.filters) {
    const filter = filterNamed(name, filters);
    return filter ? filterSchema(filter) : branchProperties.get(name);
  }
  for (const shape of shapesOf(schema)) {
    if (Object.hasOwn(shape.properties ?? {}, name)) return shape.properties?.[name];
    if (typeof shape.additionalProperties === 'object') return shape.additionalProperties;
  }
  return undefined;
}

/** The schema, its items and its alternatives: each may have properties. */
export function shapesOf(schema: JsonSchema): JsonSchema[] {
  const inner = [...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? [])];
  return [schema, ...inner.flatMap(shapesOf)];
}

function childrenOf(schema: JsonSchema, filters: Filters): (readonly [string, string])[] {
  if (schema.filters) {
    const branches = Array.from(
      branchProperties,
      ([name, { description = '' }]) => [name, firstSentence(description)] as const,
    );
    return [...filters.map((filter) => [filter.name, filter.summary] as const), ...branches];
  }
  return shapesOf(schema).flatMap((shape) =>
    Object.entries(shape.properties ?? {}).map(([name, child]) => [name, inBrief(child)] as const),
  );
}

/** A key on one line: restriction, meaning, default. */
export function inBrief(schema: JsonSchema): string {
  const mark = markOf(schema);
  const sentence = firstSentence(schema.description ?? '') + inPassing(schema);
  return mark === undefined ? sentence : `(${mark}) ${sentence}`;
}

/** The default of a single value, for a line in a table. */
function inPassing({ default: fallback }: JsonSchema): string {
  if (fallback === undefined || typeof fallback === 'object') return '';
  return ` (default: ${render(fallback)})`;
}

export function describe(key: string, schema: JsonSchema, filters: Filters): string {
  const lines = [key, `  ${schema.description ?? ''}`, ''];
  const fact = (label: string, value: string) => lines.push(`  ${`${label}:`.padEnd(9)} ${value}`);
  fact('type', typeOf(schema));
  const { default: fallback } = schema;
  const isEmptyMap = JSON.stringify(fallback) === '{}';
  if (fallback !== undefined && !isEmptyMap) fact('default', JSON.stringify(fallback));
  for (const example of examplesOf(schema)) fact('example', render(example));
  if (schema.references) fact('names', `a ${schema.references} of the configuration`);
  if (schema.syntax) fact('holds', syntaxes[schema.syntax]);
  if (schema.secret) fact('secret', 'never appears in logs or messages');
  const note = schema.unsupported ?? schema.refused;
  if (note !== undefined) fact('note', note);
  const children = childrenOf(schema, filters);
  if (children.length > 0) lines.push('', '  Keys:', ...table(children, '    '));
  return lines.join('\n');
}

function typeOf(schema: JsonSchema): string {
  if (schema.type === undefined && typesOf(schema).size === 0) return 'any value';
  return [
    expectation(schema),
    ...(schema.duration ? ['a bare number is seconds'] : []),
    ...(schema.bytes ? ['a bare number is bytes'] : []),
    ...(schema.noLimit ? ['-1 means the same as 0'] : []),
    ...(takesOneAlone(schema) ? ['or a single one'] : []),
  ].join(', ');
}

const syntaxes: Readonly<Record<TextSyntax, string>> = {
  template: 'text that may contain fields of the context, such as $[[_ctx.request.path]]',
  field: 'the name of a field or variable, such as _ctx.request.path',
  'settable-field': 'the name of a settable field or variable',
  assignment:
    'name -> value, where the value may contain fields of the context, such as $[[_ctx.request.path]]',
  expression: 'a regular expression (RE2)',
  network: 'an address, a CIDR block, or a name such as private',
  pattern: 'a path pattern, such as /{index}/_search',
};

/** The examples of the schema, or an allowed value other than the default, if there is one. */
function examplesOf(schema: JsonSchema): readonly unknown[] {
  const { examples, default: fallback, enum: values } = schema;
  if (examples) return examples;
  if (schema.type === 'boolean') return [fallback !== true];
  if (values) return [values.find((value) => value !== fallback) ?? fallback];
  return fallback === undefined || typeof fallback === 'object' ? [] : [fallback];
}

/** The value as one line of YAML. */
function render(example: unknown): string {
  return typeof example === 'string' && !/[\n"]/.test(example) ? example : JSON.stringify(example);
}

function filterNamed(name: string, filters: Filters): FilterDefinitionLike | undefined {
  return filters.find((filter) => filter.name === name);
}

export function filterSchema(filter: FilterDefinitionLike): JsonSchema {
  return { ...filter.schema, description: filter.summary };
}

function unknownKey(
  before: readonly string[],
  name: string,
  schema: JsonSchema,
  filters: Filters,
): GatewayError {
  const known = childrenOf(schema, filters)
    .filter(([, text]) => !/^\((not supported|no effect)\) /.test(text))
    .map(([child]) => child);
  const within = before.length > 0 ? ` in "${before.join('.')}"` : '';
  if (unsupportedSections.has(name) && before.length === 0) {
    return new GatewayError('USAGE', { reason: `the section "${name}" is not supported yet` });
  }
  if (knownFilters.has(name)) {
    return new GatewayError('USAGE', { reason: `the filter "${name}" is not supported yet` });
  }
  const others = [...filters.map((one) => one.name), ...Object.keys(conditions.properties ?? {})];
  const candidates = before.length > 0 ? known : [...known, ...others];
  const hint = didYouMean(name, candidates);
  const search = before.length > 0 ? '' : `; "evergate explain --search ${name}" searches all keys`;
  const reason = `there is no key "${name}"${within}${hint || listed(known)}${hint ? '' : search}`;
  return new GatewayError('USAGE', { reason });
}

function listed(known: readonly string[]): string {
  return known.length > 0 ? `; known are ${known.join(', ')}` : '; it has no inner keys';
}

export function table(rows: readonly (readonly [string, string])[], indent = '  '): string[] {
  const width = Math.max(...rows.map(([name]) => name.length), 0);
  return rows.map(([name, text]) => `${indent}${name.padEnd(width)}  ${text}`.trimEnd());
}

function firstSentence(text: string): string {
  return /^.*?[.](?=\s|$)/.exec(text)?.[0] ?? text;
}
