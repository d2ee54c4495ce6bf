import type { FilterTable } from '../../dialect.ts';
import { type Path, type Place, type ProblemList, related } from '../problem.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import type { MapEntry, MapNode, Node } from './tree.ts';

/**
 * Makes `network.binding: x` the same as `network: { binding: x }`, at every level whose keys the
 * schema names. Where keys are free (headers, labels, conditions) a dot is part of the key.
 */
export function expandDottedKeys(
  node: Node,
  schema: JsonSchema | undefined,
  filters: FilterTable,
  problems: ProblemList,
  path: Path = [],
): Node {
  if (!schema || node.kind === 'scalar') return node;
  if (node.kind === 'list') {
    const expand = schema.filters
      ? (item: Node, index: number) => expandFilter(item, filters, problems, [...path, index])
      : (item: Node, index: number) =>
          expandDottedKeys(item, schema.items, filters, problems, [...path, index]);
    return { ...node, items: node.items.map(expand) };
  }
  if (schema.filters) return expandFilter(node, filters, problems, path);
  const properties = schema.properties ?? {};
  return rebuild(
    node,
    problems,
    path,
    (key) => {
      const open = schema.additionalProperties;
      if (Object.hasOwn(properties, key)) return { schema: properties[key] };
      const head = headOf(key);
      if (head !== undefined && (Object.hasOwn(properties, head) || open === false)) {
        return { head };
      }
      return { schema: typeof open === 'object' ? open : undefined };
    },
    filters,
  );
}

/** An item of a flow: its one key names the filter. */
function expandFilter(node: Node, filters: FilterTable, problems: ProblemList, path: Path): Node {
  if (node.kind !== 'map') return node;
  return rebuild(
    node,
    problems,
    path,
    (key) => {
      const filter = filters.get(key);
      if (filter) return { schema: filter.schema };
      if (key === 'then' || key === 'else') return { schema: { filters: true } };
      const head = headOf(key);
      return head !== undefined && filters.has(head) ? { head } : {};
    },
    filters,
  );
}

type Decision = { readonly head?: string; readonly schema?: JsonSchema | undefined };

function rebuild(
  node: MapNode,
  problems: ProblemList,
  path: Path,
  decide: (key: string) => Decision,
  filters: FilterTable,
): MapNode {
  const split = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    const { head } = decide(key);
    if (head === undefined) {
      addEntry(split, key, entry, problems, path);
    } else {
      const inner = new Map([[key.slice(head.length + 1), entry]]);
      const value: MapNode = { kind: 'map', entries: inner, place: entry.place };
      addEntry(split, head, { place: entry.place, value }, problems, path);
    }
  }
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of split) {
    const { schema } = decide(key);
    const value = expandDottedKeys(entry.value, schema, filters, problems, [...path, key]);
    entries.set(key, { place: entry.place, value });
  }
  return { ...node, entries };
}

/** Adds to `entries`; two maps are merged, otherwise the later value wins, with a warning. */
function addEntry(
  entries: Map<string, MapEntry>,
  key: string,
  entry: MapEntry,
  problems: ProblemList,
  path: Path,
): void {
  const before = entries.get(key);
  if (before?.value.kind === 'map' && entry.value.kind === 'map') {
    const both = new Map(before.value.entries);
    for (const [name, inner] of entry.value.entries) {
      addEntry(both, name, inner, problems, [...path, key]);
    }
    entries.set(key, { place: before.place, value: { ...before.value, entries: both } });
    return;
  }
  if (before) warnReplaced(before.place, entry.place, [...path, key], problems);
  entries.set(key, entry);
}

function warnReplaced(before: Place, now: Place, path: Path, problems: ProblemList): void {
  const message = `the key is given twice; this one, on line ${now.line}, replaces line ${before.line}`;
  problems.warning(now, path, message, [related(before, 'replaced')]);
}

/** `network` of `network.binding`; undefined when there is no dot inside. */
function headOf(key: string): string | undefined {
  // An address is not a path of keys.
  const dot = /^[a-z]/i.test(key) ? key.indexOf('.') : -1;
  return dot > 0 && dot < key.length - 1 ? key.slice(0, dot) : undefined;
}
