import type { JsonSchema } from '../schema/json-schema.ts';

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
  null: 'null',
};

/** The expectation of a schema in words: `an integer from 1 to 65535`, `"http" or "https"`. */
export function expectation(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return listOf(schema.enum.map((value) => JSON.stringify(value)));
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return listOf([...new Set(branches.map(expectation))]);
  if (schema.duration) return 'a duration such as 500ms, 30s or 1h30m';
  if (schema.bytes) return 'a size such as 512kb or 10mb';
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return 'another value';
  return listOf(types.map((type) => describeType(type, schema)));
}

function describeType(type: string, schema: JsonSchema): string {
  if (type === 'integer' || type === 'number') return typeNames[type] + range(schema);
  if (type === 'array') return describeList(schema);
  if (type === 'string' && schema.minLength === 1) return 'text that is not empty';
  return typeNames[type] ?? type;
}

function describeList(schema: JsonSchema): string {
  if (schema.filters) return 'a list of filters';
  const item = schema.items?.type;
  const kinds: Readonly<Record<string, string>> = {
    string: 'a list of texts',
    object: 'a list of maps',
    integer: 'a list of integers',
    number: 'a list of numbers',
  };
  return (typeof item === 'string' ? kinds[item] : undefined) ?? 'a list';
}

function range({ minimum, maximum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}

/** `a, b or c`. */
export function listOf(words: readonly string[]): string {
  const last = words.at(-1) ?? 'nothing';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

/** The actual value in words, without secrets. */
export function describeValue(value: unknown, schema: JsonSchema): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (holdsSecret(schema)) return typeof value === 'string' ? 'text' : `a ${typeof value}`;
  const text = JSON.stringify(value);
  if (/:\/\/[^/]*@/.test(text)) return 'an address with a password';
  const shown = text.length > 80 ? `${text.slice(0, 77)}…"` : text;
  return typeof value === 'number' ? `the number ${shown}` : shown;
}

/** Whether a value for this schema, even one of the wrong type, may be or contain a secret. */
function holdsSecret(schema: JsonSchema): boolean {
  if (schema.secret) return true;
  const inner = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items ? [schema.items] : []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ];
  return inner.some(holdsSecret);
}

/** How to write a value of the wrong type so that it is right, or nothing. */
export function remedy(value: unknown, schema: JsonSchema): string {
  const types = [schema.type ?? []].flat();
  const scalar = typeof value === 'number' || typeof value === 'boolean';
  if (scalar && types.includes('string') && !schema.duration && !schema.bytes) {
    return schema.secret ? '; put it in quotes' : `; put it in quotes: "${String(value)}"`;
  }
  if (types.includes('boolean') && typeof value === 'string') {
    if (/^(yes|on|y)$/i.test(value)) return '; write true';
    if (/^(no|off|n)$/i.test(value)) return '; write false';
    if (/^(true|false)$/i.test(value)) return '; take the quotes away';
  }
  const numeric = types.includes('integer') || types.includes('number');
  if (numeric && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) {
    return '; take the quotes away';
  }
  if (value === null) return '; give a value, or take the key out';
  return '';
}
