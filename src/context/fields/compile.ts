import { nearest } from '../../suggest.ts';
import { GatewayError } from '../../errors.ts';
import { connectionFields } from './connection.ts';
import { parseJsonPath, readAt, writeAt } from '../../http/json/path.ts';
import { noNeeds } from '../requirements.ts';
import type { Field, FieldRule, FieldTable, FieldWriter } from './rule.ts';
import { requestFields } from './request.ts';
import { responseFields } from './response.ts';
import { upstreamFields } from './upstream.ts';
import { systemFields, utilityFields } from './system.ts';

export const fieldTables: Readonly<Record<string, FieldTable>> = {
  '_ctx.request': requestFields,
  '_ctx.response': responseFields,
  '_ctx.upstream': upstreamFields,
  _ctx: connectionFields,
  _sys: systemFields,
  _util: utilityFields,
};

/** Every documented name, without what can stand below. */
export const fieldNames: readonly string[] = Object.entries(fieldTables).flatMap(
  ([prefix, table]) => Object.keys(table).map((name) => `${prefix}.${name}`),
);

/**
 * Compiles a name: one of `_ctx.…`, `_sys.…` and `_util.…`, or else a variable that a filter has
 * set or that the router found in the path.
 * @throws PARAMETER_INVALID
 */
export function compileField(name: string): Field {
  const rule = ruleOf(name);
  if (rule === undefined) throw new GatewayError('PARAMETER_INVALID', { reason: unknown(name) });
  const { read, alike = null, set, needs = noNeeds, setNeeds = noNeeds, fromText } = rule;
  return { name, needs, read, alike, write: set ? { needs: setNeeds, set, fromText } : null };
}

/** Whether `compileField` takes the name. */
export function isField(name: string): boolean {
  return ruleOf(name) !== undefined;
}

/** Compiles a name that is to be set. @throws PARAMETER_INVALID */
export function compileWriter(name: string): FieldWriter {
  const { write } = compileField(name);
  if (write !== null) return write;
  throw new GatewayError('PARAMETER_INVALID', { reason: `"${name}" can only be read` });
}

function ruleOf(name: string): FieldRule | undefined {
  for (const [prefix, table] of Object.entries(fieldTables)) {
    if (!name.startsWith(`${prefix}.`)) continue;
    const rest = name.slice(prefix.length + 1);
    const dot = rest.indexOf('.');
    const head = dot < 0 ? rest : rest.slice(0, dot);
    if (!Object.hasOwn(table, head)) continue;
    const rule = table[head] as FieldRule;
    return dot < 0 || dot === rest.length - 1 ? rule : rule.below?.(rest.slice(dot + 1));
  }
  return /^[\p{L}\p{N}][\p{L}\p{N}_.[\]-]*$/u.test(name) ? variable(name) : undefined;
}

/** A variable: what filters have set goes before what the router found in the path. */
function variable(name: string): FieldRule {
  const path = parseJsonPath(name);
  return {
    read({ variables, pathVariables }) {
      const value = variables === null ? undefined : readAt(variables, path);
      if (value !== undefined || pathVariables === null) return value;
      return Object.hasOwn(pathVariables, name) ? pathVariables[name] : undefined;
    },
    set(context, value) {
      context.variables ??= Object.create(null) as Record<string, unknown>;
      writeAt(context.variables, path, value);
    },
  };
}

function unknown(name: string): string {
  const steps = name.split('.');
  for (let length = 2; length <= steps.length; length++) {
    const head = nearest(steps.slice(0, length).join('.'), fieldNames);
    const rest = steps.slice(length);
    const meant = head && [head, ...rest].join('.');
    if (meant && meant !== name && ruleOf(meant)) {
      return `unknown field "${name}"; did you mean "${meant}"?`;
    }
  }
  return `unknown field "${name}"; fields begin with _ctx, _sys or _util, and a variable of your own with a letter`;
}
