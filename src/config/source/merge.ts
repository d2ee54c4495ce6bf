import { type Path, type ProblemList, related, renderPlace } from '../problem.ts';
import type { MapEntry, MapNode, Node } from './tree.ts';

/**
 * What two files say together: maps merge, lists are joined, and of two scalars the later one
 * counts, with a warning.
 */
export function mergeTrees(
  first: MapNode,
  second: MapNode,
  problems: ProblemList,
  path: Path = [],
): MapNode {
  const entries = new Map<string, MapEntry>(first.entries);
  for (const [key, entry] of second.entries) {
    const before = entries.get(key);
    const value = before
      ? mergeNodes(before.value, entry.value, problems, [...path, key])
      : entry.value;
    const place = before && value !== entry.value ? before.place : entry.place;
    entries.set(key, { place, value });
  }
  return { ...first, entries };
}

function mergeNodes(first: Node, second: Node, problems: ProblemList, path: Path): Node {
  if (isEmpty(second)) return first;
  if (isEmpty(first)) return second;
  if (first.kind === 'map' && second.kind === 'map') {
    return mergeTrees(first, second, problems, path);
  }
  if (first.kind === 'list' && second.kind === 'list') {
    return { ...first, items: [...first.items, ...second.items] };
  }
  const where = renderPlace(first.place);
  if (first.kind === second.kind) {
    const message = `set in two files; this value replaces the one at ${where}`;
    problems.warning(second.place, path, message, [related(first.place, 'replaced')]);
  } else {
    const message = `a ${second.kind} here, but a ${first.kind} at ${where}; they cannot be merged`;
    problems.error(second.place, path, message, [related(first.place, `the ${first.kind}`)]);
  }
  return second;
}

function isEmpty(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null;
}
