import { checkAnnotations } from './annotations.ts';
import type { FilterDefinitionLike } from './filter-definition.ts';
import { type Path, renderPath } from './problem.ts';
import { propertySchema, realise } from './realise.ts';
import { knownFilters } from './schema/infini.ts';
import type { JsonSchema } from './schema/schema.ts';
import { checkAgainst } from './schema-check.ts';
import type { Scope } from './scope.ts';
import { nearest } from './suggest.ts';
import { childOf, keyPlaceAt, type MapNode, type Node, placeAt } from './tree.ts';
import type { FilterConfig } from './types.ts';

/**
 * The filters of a list, as the gateway runs them. An item is a map with one key, the name of the
 * filter; its value are the parameters. What is wrong is reported, and left out.
 */
export function normaliseFilters(
  node: Node | undefined,
  path: Path,
  scope: Scope,
): readonly FilterConfig[] {
  if (!node || (node.kind === 'scalar' && node.value === null)) return [];
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
  if (item.entries.has('if')) {
    const message = 'conditions (if, then, else) are not supported yet';
    problems.error(keyPlaceAt(scope.root, [...path, 'if']), [...path, 'if'], message);
    return undefined;
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
): FilterConfig {
  const { schema } = definition;
  const { problems, root } = scope;
  const before = problems.errors.length;
  const written = withoutCondition(node, path, scope);
  const holder = { parameters: realise(written, schema) ?? {} };
  for (const misfit of checkAgainst(schema, holder.parameters)) {
    const at = [...path, ...misfit.path];
    const place = misfit.atKey ? keyPlaceAt(root, at) : placeAt(root, at);
    problems.error(place, at, misfit.message);
  }
  checkAnnotations(schema, holder.parameters, path, scope);
  normaliseNested(schema, written, holder.parameters, path, scope);
  if (problems.errors.length === before) {
    for (const { path: below, message } of definition.check?.(holder.parameters as never) ?? []) {
      const at = [...path, ...below];
      problems.error(placeAt(root, at), at, message);
    }
  }
  const { name } = definition;
  return { kind: 'filter', name, parameters: holder.parameters, path: renderPath(path) };
}

/** Takes `when` out of the parameters. */
function withoutCondition(node: Node, path: Path, scope: Scope): Node {
  if (node.kind !== 'map' || !node.entries.has('when')) return node;
  const at = [...path, 'when'];
  scope.problems.error(keyPlaceAt(scope.root, at), at, 'conditions (when) are not supported yet');
  const entries = new Map(node.entries);
  entries.delete('when');
  return { ...node, entries };
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
