import type { Path, Place } from '../problem.ts';

/** A configuration value that knows where it was written. */
export type Node = ScalarNode | ListNode | MapNode;

export type Scalar = string | number | boolean | null;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: Scalar;
  /** As written, without quotes. */
  readonly text: string;
  /** The value came out of a template: its type may follow from what is expected. */
  readonly flexible: boolean;
  readonly place: Place;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly place: Place;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly place: Place;
}

export interface MapEntry {
  /** Where the key stands. */
  readonly place: Place;
  readonly value: Node;
}

/** The child of `node` at `step`, or undefined. */
export function childOf(node: Node | undefined, step: string | number): Node | undefined {
  if (node?.kind === 'map') return node.entries.get(String(step))?.value;
  if (node?.kind === 'list' && typeof step === 'number') return node.items[step];
  return undefined;
}

/** The node at `path`, or undefined when nothing was written there. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  return path.reduce<Node | undefined>(childOf, root);
}

/** Where the value at `path` stands, or else the nearest thing around it that was written. */
export function placeAt(root: Node, path: Path): Place {
  let node: Node = root;
  for (const step of path) {
    const child = childOf(node, step);
    if (!child) break;
    node = child;
  }
  return node.place;
}

/** Where the key at `path` stands, or else the value, or else the nearest thing around it. */
export function keyPlaceAt(root: Node, path: Path): Place {
  const key = path.at(-1);
  const parent = nodeAt(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(key)) : undefined;
  return entry?.place ?? placeAt(root, path);
}

/** Whether it is a map with `enabled: false`. */
export function isOff(node: Node): boolean {
  const enabled = childOf(node, 'enabled');
  return enabled?.kind === 'scalar' && enabled.text === 'false';
}

/** Plain value of a node, with no schema to guide it. */
export function plainValue(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return Object.fromEntries(
    Array.from(node.entries, ([key, entry]) => [key, plainValue(entry.value)]),
  );
}
