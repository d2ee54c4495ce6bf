import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { describeValue, expectation, remedy } from './describe.ts';
import type { Path } from '../problem.ts';
import { type JsonSchema, markOf } from '../schema/json-schema.ts';
import { nearest } from '../../suggest.ts';
import { parseBytes, parseDuration } from './units.ts';

/** One thing that does not fit a schema. */
export interface Misfit {
  /** From the value that was checked. */
  readonly path: Path;
  readonly message: string;
  /** Whether it is about the key at `path`, not about its value. */
  readonly atKey: boolean;
}

interface ValueHolder {
  parentData: Record<string | number, unknown>;
  parentDataProperty: string | number;
}

type Convert = (value: unknown) => number | undefined;

/** A keyword that turns text such as `30s` into a number, in place. */
function converting(convert: Convert) {
  return function check(value: unknown, holder?: ValueHolder): boolean {
    if (typeof value !== 'string' && typeof value !== 'number') return true;
    const converted = convert(value);
    if (converted === undefined) return false;
    if (holder) holder.parentData[holder.parentDataProperty] = converted;
    return true;
  };
}

const annotations = [
  'references',
  'forgivenBy',
  'filters',
  'syntax',
  'noLimit',
  'file',
  'clientTls',
  'secret',
  'unsupported',
  'refused',
];

const ajv = createAjv();
const compiled = new WeakMap<JsonSchema, ValidateFunction>();

function createAjv(): Ajv {
  const instance = new Ajv({
    // The schemas are our own: their tests check them, and a start need not wait for that.
    meta: false,
    validateSchema: false,
    code: { optimize: false },
    allErrors: true,
    useDefaults: true,
    verbose: true,
    strict: true,
    strictTypes: false,
    allowUnionTypes: true,
  });
  instance.addKeyword({
    keyword: 'duration',
    schemaType: 'boolean',
    modifying: true,
    errors: false,
    compile: () => converting(parseDuration),
  });
  instance.addKeyword({
    keyword: 'bytes',
    schemaType: 'boolean',
    modifying: true,
    errors: false,
    compile: () => converting(parseBytes),
  });
  // These say something to others: annotations.ts, realise.ts, describe.ts.
  for (const keyword of annotations) instance.addKeyword({ keyword, valid: true });
  return instance;
}

/** Checks `value`, fills in its defaults and converts durations and sizes, in place. */
export function checkAgainst(schema: JsonSchema, value: unknown): Misfit[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) return [];
  return translate(validate.errors ?? []);
}

function translate(errors: readonly ErrorObject[]): Misfit[] {
  const alternatives = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const misfits = new Map<string, Misfit>();
  for (const error of errors) {
    if (hiddenByAlternative(error, alternatives, errors)) continue;
    const misfit = describe(error);
    // The first error is enough: a wrong type makes other keywords fail, too.
    const key = JSON.stringify(misfit.path);
    if (misfit.atKey || !misfits.has(key)) misfits.set(misfit.atKey ? `${key}!` : key, misfit);
  }
  return [...misfits.values()];
}

/** Of alternatives, one message is enough: the deepest, or else the one for all of them. */
function hiddenByAlternative(
  error: ErrorObject,
  alternatives: readonly ErrorObject[],
  errors: readonly ErrorObject[],
): boolean {
  if (alternatives.includes(error)) return errors.some((other) => isDeeper(other, error));
  return alternatives.some(
    (other) => error.schemaPath.startsWith(`${other.schemaPath}/`) && !isDeeper(error, other),
  );
}

function isDeeper(one: ErrorObject, than: ErrorObject): boolean {
  return one.schemaPath.startsWith(`${than.schemaPath}/`) && reach(one) > reach(than);
}

function reach(error: ErrorObject): number {
  const own = error.keyword === 'additionalProperties' ? 1 : 0;
  return error.instancePath.split('/').length + own;
}

function describe(error: ErrorObject): Misfit {
  const path = pathOf(error);
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  const params = error.params as Record<string, string>;
  if (error.keyword === 'required') {
    const name = params['missingProperty'] as string;
    const missing = schema.properties?.[name];
    const what = missing ? `; expected ${expectation(missing)}` : '';
    return { path, message: `"${name}" is missing${what}`, atKey: false };
  }
  if (error.keyword === 'additionalProperties') {
    const name = params['additionalProperty'] as string;
    return { path: [...path, name], message: unknownKey(name, schema), atKey: true };
  }
  return { path, message: valueMessage(error, schema), atKey: false };
}

function valueMessage(error: ErrorObject, schema: JsonSchema): string {
  const { data } = error;
  if (error.keyword === 'minItems') return 'expected at least one item, got an empty list';
  if (error.keyword === 'pattern') {
    const start = /^\^([\w/-]+)$/.exec(schema.pattern ?? '')?.[1];
    const wanted = start ? `text that begins with "${start}"` : `text like ${schema.pattern}`;
    return `expected ${wanted}, got ${describeValue(data, schema)}`;
  }
  const got = describeValue(data, schema);
  return `expected ${expectation(schema)}, got ${got}${remedy(data, schema)}`;
}

function unknownKey(name: string, schema: JsonSchema): string {
  const known = Object.keys(schema.properties ?? {});
  const candidate = nearest(name, known);
  if (candidate !== undefined) return `unknown key "${name}"; did you mean "${candidate}"?`;
  for (const [outer, inner] of Object.entries(schema.properties ?? {})) {
    if (Object.hasOwn(inner.properties ?? {}, name)) {
      return `unknown key "${name}"; did you mean "${outer}.${name}"?`;
    }
  }
  const usable = Object.entries(schema.properties ?? {})
    .filter(([, child]) => markOf(child) === undefined)
    .map(([key]) => key);
  const choice = usable.length === 0 ? 'there are none' : `known are ${usable.join(', ')}`;
  return `unknown key "${name}"; ${choice}`;
}

/** A JSON pointer as keys and indexes. */
function pathOf(error: ErrorObject): Path {
  const steps = error.instancePath.split('/').slice(1);
  return steps.map((step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return /^\d+$/.test(name) ? Number(name) : name;
  });
}
