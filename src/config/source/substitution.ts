import { parse } from 'yaml';
import type { Path, Place } from '../problem.ts';
import { isOff } from './tree.ts';
import type { MapEntry, MapNode, Node, Scalar, ScalarNode } from './tree.ts';

const templatePattern = /\$\[\[\s*([^\]]*?)\s*\]\]/g;

/**
 * What stands for a template: a node, or undefined to leave the template as it is. Errors are
 * reported by the resolver itself, unless the template is within something that is switched off.
 */
export type Resolver = (name: string, place: Place, path: Path, off: boolean) => Node | undefined;

/**
 * Puts in what `resolve` knows for each `$[[name]]`. A template that is a whole value takes the
 * type of what it stands for; one within a text becomes part of the text.
 */
export function substitute(node: Node, resolve: Resolver, path: Path = [], off = false): Node {
  if (node.kind === 'scalar') return substituteScalar(node, resolve, path, off);
  if (node.kind === 'list') {
    const items = node.items.map((item, index) => substitute(item, resolve, [...path, index], off));
    return { ...node, items };
  }
  return substituteMap(node, resolve, path, off || isOff(node));
}

function substituteMap(node: MapNode, resolve: Resolver, path: Path, off: boolean): MapNode {
  const entries = new Map<string, MapEntry>();
  for (const [key, { place, value }] of node.entries) {
    const name = key.includes('$[[') ? fill(key, resolve, place, path, off) : key;
    entries.set(name, { place, value: substitute(value, resolve, [...path, name], off) });
  }
  return { ...node, entries };
}

function substituteScalar(node: ScalarNode, resolve: Resolver, path: Path, off: boolean): Node {
  const { value, place } = node;
  if (typeof value !== 'string' || !value.includes('$[[')) return node;
  const whole = /^\$\[\[\s*([^\]]*?)\s*\]\]$/.exec(value);
  if (whole) {
    const found = resolve(whole[1] as string, place, path, off);
    if (!found) return node;
    return found.kind === 'scalar' ? { ...found, flexible: true, place } : relocate(found, place);
  }
  const text = fill(value, resolve, place, path, off);
  return text === value ? node : { kind: 'scalar', value: text, text, flexible: true, place };
}

function fill(text: string, resolve: Resolver, place: Place, path: Path, off: boolean): string {
  return text.replace(templatePattern, (template, name: string) => {
    const found = resolve(name, place, path, off);
    return found?.kind === 'scalar' ? found.text : template;
  });
}

/** A list or map that stands for a template; the place is that of the template. */
function relocate(node: Node, place: Place): Node {
  if (node.kind === 'list') {
    return { ...node, place, items: node.items.map((item) => relocate(item, place)) };
  }
  if (node.kind === 'scalar') return { ...node, place };
  const entries = Array.from(node.entries, ([key, { value }]): [string, MapEntry] => [
    key,
    { place, value: relocate(value, place) },
  ]);
  return { ...node, place, entries: new Map(entries) };
}

/** A scalar as text from outside (the process environment) means it. */
export function scalarFromText(text: string, place: Place): ScalarNode {
  return { kind: 'scalar', value: text === '' ? '' : typed(text), text, flexible: true, place };
}

/** `8000` is a number, `true` a boolean, anything else text. */
export function typed(text: string): Scalar {
  if (!/^[-+.\w]+$/.test(text) || text.length > 30) return text;
  const value: unknown = parse(text, { logLevel: 'silent' });
  return typeof value === 'number' || typeof value === 'boolean' ? value : text;
}
