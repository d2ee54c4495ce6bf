import { checkAnnotations } from '../validation/annotations.ts';
import type { FilterDefinitionLike } from '../../dialect.ts';
import { type Path, renderPath } from '../problem.ts';
import { propertySchema, realise } from '../validation/coerce.ts';
import { knownFilters } from '../schema/infini.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { checkAgainst } from '../validation/ajv.ts';
import type { Scope } from '../validation/scope.ts';
import { nearest } from '../../suggest.ts';
import {
  childOf,
  keyPlaceAt,
  type MapNode,
  type Node,
  placeAt,
  plainValue,
} from '../source/tree.ts';
import type { BranchPlace, FilterConfig, FilterPlace } from '../types.ts';

/**
 * The filters of a list, as the gateway runs them. An item is a map with one key, the name of the
 * filter; its value are the parameters. One item may stand without a list. What is wrong is
 * reported, and left out.
 */
export function normaliseFilters(
  node: Node | undefined,
  path: Path,
  scope: Scope,
): readonly FilterConfig[] {
  if (!node || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind === 'map') return [normaliseItem(node, path, scope) ?? []].flat();
  if (node.kind !== 'list') {
    scope.problems.error(node.place, path, 'expected a list of filters, each as "- name:"');
    return [];
  }
  return node.items.flatMap((item, index) => {
    const filter = normaliseItem(item, [...path, index], scope);
    return filter ? [filter] : [];
  });
}

function normaliseItem(item: Node, path: Path, scope: Scope): FilterConfig | undefined {
  const { problems } = scope;
  if (item.kind === 'scalar' && typeof item.value === 'string') {
    // `- drop` for `- drop:` is a usual slip.
    problems.error(item.place, path, `expected a map; write "- ${item.value}:", with a colon`);
    return undefined;
  }
  if (item.kind !== 'map') {
    problems.error(item.place, path, 'expected a map with the name of one filter');
    return undefined;
  }
  const [name, ...others] = item.entries.keys();
  if (['if', 'then', 'else'].some((key) => item.entries.has(key))) {
    return normaliseBranch(item, path, scope);
  }
  if (name === undefined) {
    problems.error(item.place, path, 'expected the name of a filter, got an empty map');
    return undefined;
  }
  if (others.length > 0) {
    reportSeveral(item, name, others, path, scope);
    return undefined;
  }
  const definition = scope.filters.get(name);
  if (!definition) {
    reportUnknown(name, [...path, name], scope);
    return undefined;
  }
  return normaliseFilter(definition, childOf(item, name) as Node, [...path, name], scope);
}

const branchKeys = ['if', 'then', 'else'];

/** `if`, `then` and `else`: a condition and two lists of filters, of which the second may be missing. */
function normaliseBranch(item: MapNode, path: Path, scope: Scope): BranchPlace | undefined {
  const { problems } = scope;
  for (const [key, { place }] of item.entries) {
    if (branchKeys.includes(key)) continue;
    const message = `expected only if, then and else here, got "${key}"`;
    problems.error(place, [...path, key], message);
  }
  for (const key of ['if', 'then']) {
    if (!item.entries.has(key)) problems.error(item.place, path, `"${key}" is missing`);
  }
  const at = [...path, 'if'];
  return {
    kind: 'branch',
    condition: normaliseCondition(childOf(item, 'if'), at, scope),
    whenMet: normaliseFilters(childOf(item, 'then'), [...path, 'then'], scope),
    otherwise: normaliseFilters(childOf(item, 'else'), [...path, 'else'], scope),
    path: renderPath(at),
  };
}

function normaliseCondition(node: Node | undefined, path: Path, scope: Scope): unknown {
  if (!node) return undefined;
  const condition = plainValue(node);
  const clusters = scope.names.cluster.keys();
  for (const { path: below, message, atKey } of scope.syntax.condition(condition, clusters)) {
    const at = [...path, ...below];
    const find = atKey ? keyPlaceAt : placeAt;
    scope.problems.error(find(scope.root, at), at, message);
  }
  return condition;
}

/** Several keys in one item: two filters, or parameters with too little indentation. */
function reportSeveral(
  item: MapNode,
  name: string,
  others: readonly string[],
  path: Path,
  scope: Scope,
): void {
  const other = others[0] as string;
  const place = item.entries.get(other)?.place ?? item.place;
  const parameters = scope.filters.get(name)?.schema.properties ?? {};
  const isParameter = other === 'when' || Object.hasOwn(parameters, other);
  const advice = isParameter
    ? `indent "${other}" further, so that it belongs to "${name}"`
    : `begin each filter with its own "- "`;
  const message = `expected one filter in each item, got "${name}" and "${other}"; ${advice}`;
  scope.problems.error(place, [...path, other], message);
}

function reportUnknown(name: string, path: Path, scope: Scope): void {
  const place = keyPlaceAt(scope.root, path);
  if (knownFilters.has(name)) {
    scope.problems.error(place, path, `the filter "${name}" is not supported yet`);
    return;
  }
  const candidate = nearest(name, [...scope.filters.keys(), ...knownFilters]);
  const available = [...scope.filters.keys()].sort().join(', ');
  const hint = candidate ? `did you mean "${candidate}"?` : `known are ${available}`;
  scope.problems.error(place, path, `there is no filter "${name}"; ${hint}`);
}

function normaliseFilter(
  definition: FilterDefinitionLike,
  node: Node,
  path: Path,
  scope: Scope,
): FilterPlace {
  const { schema } = definition;
  const { problems, root } = scope;
  const before = problems.errors.length;
  const [written, condition] = withoutCondition(node);
  const holder = { parameters: realise(written, schema, true) ?? {} };
  for (const misfit of checkAgainst(schema, holder.parameters)) {
    const at = [...path, ...misfit.path];
    const place = misfit.atKey ? keyPlaceAt(root, at) : placeAt(root, at);
    problems.error(place, at, misfit.message);
  }
  checkAnnotations(schema, holder.parameters, path, scope);
  normaliseNested(schema, written, holder.parameters, path, scope);
  if (problems.errors.length === before) {
    for (const problem of definition.check?.(holder.parameters as never) ?? []) {
      const at = [...path, ...problem.path];
      if (problem.warning) problems.warning(placeAt(root, at), at, problem.message);
      else problems.error(placeAt(root, at), at, problem.message);
    }
  }
  const { name } = definition;
  const { parameters } = holder;
  const place = { kind: 'filter', name, parameters, path: renderPath(path) } as const;
  if (!condition) return place;
  return { ...place, when: normaliseCondition(condition, [...path, 'when'], scope) };
}

/** The parameters without `when`, and `when`. */
function withoutCondition(node: Node): [parameters: Node, condition: Node | undefined] {
  const condition = childOf(node, 'when');
  if (node.kind !== 'map' || !condition) return [node, undefined];
  const entries = new Map(node.entries);
  entries.delete('when');
  return [{ ...node, entries }, condition];
}

/** Puts the lists of filters that stand within parameters where their schema wants them. */
function normaliseNested(
  schema: JsonSchema,
  node: Node,
  value: unknown,
  path: Path,
  scope: Scope,
): void {
  if (typeof value !== 'object' || value === null) return;
  const steps =
    node.kind === 'map'
      ? [...node.entries.keys()]
      : [...(node.kind === 'list' ? node.items.keys() : [])];
  for (const step of steps) {
    const child = childOf(node, step) as Node;
    const inner = typeof step === 'number' ? schema.items : propertySchema(schema, step);
    if (!inner) continue;
    const values = value as Record<string | number, unknown>;
    if (inner.filters) values[step] = normaliseFilters(child, [...path, step], scope);
    else normaliseNested(inner, child, values[step], [...path, step], scope);
  }
}
