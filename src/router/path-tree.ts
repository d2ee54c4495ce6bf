import { percentDecode } from '../http/target.ts';
import type { Segment, SegmentMatcher } from './pattern.ts';

interface Node<Value> {
  readonly statics: Map<string, Node<Value>>;
  readonly expressions: { readonly matcher: SegmentMatcher; readonly node: Node<Value> }[];
  any: Node<Value> | null;
  /** Longest prefix first. */
  readonly rests: { readonly prefix: string; readonly value: Value }[];
  value: Value | undefined;
}

/**
 * Patterns by segment. At every level a static segment goes before an expression, that before a
 * variable, that before a catch-all; a choice that leads nowhere is taken back. No path costs more
 * steps than the tree has nodes.
 *
 * A slash at the end makes no other path, because Elasticsearch drops it: `/a` takes `/a/` too, and
 * `/a/` takes `/a`. Where both patterns exist each takes its own spelling.
 */
export class PathTree<Value> {
  readonly #root = newNode<Value>();
  readonly #variables: string[] = [];

  /** Adds a pattern; false when the same one is there already, which then stays. */
  add(segments: readonly Segment[], value: Value): boolean {
    let node = this.#root;
    for (const segment of segments) {
      if (segment.kind === 'rest') return addRest(node, segment.prefix, value);
      node = childFor(node, segment);
    }
    if (node.value !== undefined) return false;
    node.value = value;
    return true;
  }

  /**
   * The value of the pattern that takes `path`, or undefined. `path` begins with a slash and may be
   * percent-encoded; an encoded slash separates nothing.
   */
  find(path: string): Value | undefined {
    this.#variables.length = 0;
    return this.#descend(this.#root, path, 1, path.includes('%'));
  }

  /** The values of the variables of the last match, in order, decoded. */
  get variables(): readonly string[] {
    return this.#variables;
  }

  #descend(node: Node<Value>, path: string, at: number, encoded: boolean): Value | undefined {
    if (at > path.length) return node.value ?? node.statics.get('')?.value;
    let end = path.indexOf('/', at);
    if (end < 0) end = path.length;
    const raw = path.slice(at, end);
    const segment = encoded ? percentDecode(raw) : raw;
    const depth = this.#variables.length;

    const fixed = node.statics.get(segment);
    if (fixed !== undefined) {
      const value = this.#descend(fixed, path, end + 1, encoded);
      if (value !== undefined) return value;
      this.#variables.length = depth;
    }
    for (const { matcher, node: child } of node.expressions) {
      const values = matcher.match(segment);
      if (values === undefined) continue;
      this.#variables.push(...values);
      const value = this.#descend(child, path, end + 1, encoded);
      if (value !== undefined) return value;
      this.#variables.length = depth;
    }
    if (node.any !== null && segment !== '') {
      this.#variables.push(segment);
      const value = this.#descend(node.any, path, end + 1, encoded);
      if (value !== undefined) return value;
      this.#variables.length = depth;
    }
    // Only the slash at the end is left.
    if (at === path.length && node.value !== undefined) return node.value;
    if (node.rests.length === 0) return undefined;
    const rest = encoded ? percentDecode(path.slice(at)) : path.slice(at);
    const taker = node.rests.find(({ prefix }) => rest.startsWith(prefix));
    if (taker !== undefined) this.#variables.push(rest.slice(taker.prefix.length));
    return taker?.value;
  }
}

function newNode<Value>(): Node<Value> {
  return { statics: new Map(), expressions: [], any: null, rests: [], value: undefined };
}

function addRest<Value>(node: Node<Value>, prefix: string, value: Value): boolean {
  if (node.rests.some((rest) => rest.prefix === prefix)) return false;
  node.rests.push({ prefix, value });
  node.rests.sort((a, b) => b.prefix.length - a.prefix.length);
  return true;
}

function childFor<Value>(
  parent: Node<Value>,
  segment: Exclude<Segment, { kind: 'rest' }>,
): Node<Value> {
  if (segment.kind === 'any') return (parent.any ??= newNode());
  if (segment.kind === 'static') {
    let child = parent.statics.get(segment.text);
    if (!child) parent.statics.set(segment.text, (child = newNode()));
    return child;
  }
  const { matcher } = segment;
  const known = parent.expressions.find((child) => child.matcher.source === matcher.source);
  if (known) return known.node;
  const node = newNode<Value>();
  parent.expressions.push({ matcher, node });
  return node;
}
