import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type ParsedNode,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { reasonOf } from '../../errors.ts';
import { type Path, type Place, ProblemList, related } from '../problem.ts';
import type { MapEntry, MapNode, Node, ScalarNode } from './tree.ts';

/** Values that aliases may add to one file; more is an attack or a mistake. */
const aliasLimit = 50_000;

/**
 * Reads YAML (and so JSON) into a tree that knows its places. What is wrong goes to `problems`;
 * the answer is then what could be read, or undefined.
 */
export function parseText(text: string, file: string, problems: ProblemList): MapNode | undefined {
  const lines = new LineCounter();
  const start = { file, line: 1, column: 1 };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    });
    const placeOf = (offset: number): Place => {
      const { line, col } = lines.linePos(offset);
      return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
    };
    for (const error of worthTelling([...document.errors, ...document.warnings], lines)) {
      problems.error(placeOf(error.pos[0]), [], syntaxMessage(error, text, lines));
    }
    if (!document.contents || (isScalar(document.contents) && document.contents.value === null)) {
      return { kind: 'map', entries: new Map(), place: start };
    }
    // The readable part of a file with a syntax error can help to find the running gateway.
    const broken = document.errors.length > 0;
    const builder = new TreeBuilder(placeOf, broken ? new ProblemList() : problems);
    const root = builder.build(document.contents, []);
    if (root?.kind === 'map') return root;
    if (!broken)
      problems.error(root?.place ?? start, [], 'expected a map of sections, such as "entry:"');
  } catch (error) {
    problems.error(start, [], `cannot be parsed: ${reasonOf(error)}`);
  }
  return undefined;
}

/** One error a line, and not those that only follow from another. */
function worthTelling(errors: readonly YAMLError[], lines: LineCounter): YAMLError[] {
  const told = new Set<number>();
  return errors.filter((error, index) => {
    const { line } = lines.linePos(error.pos[0]);
    if (told.has(line) || (index > 0 && error.code === 'UNEXPECTED_TOKEN')) return false;
    told.add(line);
    return true;
  });
}

/** The parser's words, and a hint at what is usual in this kind of file. */
function syntaxMessage(error: YAMLError, text: string, lines: LineCounter): string {
  if (error.code === 'MULTIPLE_DOCS') return 'expected one document, but a second one begins here';
  const { line } = lines.linePos(error.pos[0]);
  const from = lines.lineStarts[line - 1] ?? 0;
  const content = text.slice(from, lines.lineStarts[line] ?? text.length).trim();
  const message = error.message.replace(/\.?\s*$/, '');
  const address = /\[[\da-f:.%\w]*:[\da-f:.%\w]*\]:\d+/i.exec(content);
  if (address) return `${message}; put the address in quotes: "${address[0]}"`;
  const template = /\$\[\[[^\]]*\]\]/.exec(content);
  if (template) return `${message}; put the template in quotes: "${template[0]}"`;
  if (/^\s*\t/.test(text.slice(from))) return `${message}; indent with spaces, not tabs`;
  return message;
}

class TreeBuilder {
  readonly #placeOf: (offset: number) => Place;
  readonly #problems: ProblemList;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  #aliasDepth = 0;
  #aliased = 0;
  #refused = false;

  constructor(placeOf: (offset: number) => Place, problems: ProblemList) {
    this.#placeOf = placeOf;
    this.#problems = problems;
  }

  build(source: ParsedNode | null, path: Path): Node | undefined {
    if (!source) return undefined;
    const place = this.#placeOf(source.range[0]);
    if (this.#aliasDepth > 0 && ++this.#aliased > aliasLimit) return undefined;
    if (isAlias(source)) return this.#buildAlias(source.source, place, path);
    if (source.anchor !== undefined) this.#anchors.set(source.anchor, source);
    if (isScalar(source)) return this.#buildScalar(source.value, source.source, place, path);
    this.#open.add(source);
    try {
      if (isMap(source)) return this.#buildMap(source, place, path);
      if (!isSeq(source)) return undefined;
      const items = source.items.map(
        (item, index) => this.build(item, [...path, index]) ?? scalar(null, '', place),
      );
      return { kind: 'list', items, place };
    } finally {
      this.#open.delete(source);
    }
  }

  #buildAlias(name: string, place: Place, path: Path): Node | undefined {
    const target = this.#anchors.get(name);
    if (!target) {
      this.#problems.error(place, path, `no anchor "&${name}" stands before this alias`);
      return undefined;
    }
    if (this.#open.has(target)) {
      this.#problems.error(place, path, `the alias "*${name}" contains itself`);
      return undefined;
    }
    this.#aliasDepth++;
    const node = this.build(target, path);
    this.#aliasDepth--;
    if (this.#aliased > aliasLimit && this.#aliasDepth === 0 && !this.#refused) {
      this.#refused = true;
      const message = `the aliases in this file stand for more than ${aliasLimit} values`;
      this.#problems.error(place, path, message);
    }
    return node;
  }

  #buildScalar(value: unknown, text: string | undefined, place: Place, path: Path): ScalarNode {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      return scalar(value as ScalarNode['value'], text ?? '', place);
    }
    this.#problems.error(place, path, 'expected text, a number, true or false');
    return scalar(null, '', place);
  }

  #buildMap(source: YAMLMap, place: Place, path: Path): MapNode {
    const entries = new Map<string, MapEntry>();
    const merged: ParsedNode[] = [];
    for (const pair of source.items) {
      if (!isPair(pair)) continue;
      const key = pair.key as ParsedNode | null;
      const keyPlace = key ? this.#placeOf(key.range[0]) : place;
      if (!isScalar(key) || key.value === null || key.source === '__proto__') {
        this.#problems.error(keyPlace, path, 'expected a name as the key');
        continue;
      }
      const name = typeof key.value === 'string' ? key.value : key.source;
      if (name === '<<' && key.type === 'PLAIN') {
        merged.push(pair.value as ParsedNode);
        continue;
      }
      const value = this.build(pair.value as ParsedNode | null, [...path, name]);
      this.#warnDuplicate(entries.get(name), name, keyPlace, path);
      // Deleted first, so that the order is that of the values which count.
      entries.delete(name);
      entries.set(name, { place: keyPlace, value: value ?? scalar(null, '', keyPlace) });
    }
    for (const value of merged) this.#mergeInto(entries, value, path);
    return { kind: 'map', entries, place };
  }

  #warnDuplicate(before: MapEntry | undefined, name: string, place: Place, path: Path): void {
    if (!before) return;
    this.#problems.warning(
      place,
      [...path, name],
      `the key is given twice; this one, on line ${place.line}, replaces line ${before.place.line}`,
      [related(before.place, 'replaced')],
    );
  }

  /** `<<: *base` or `<<: [*a, *b]`: keys that are not there yet. */
  #mergeInto(entries: Map<string, MapEntry>, source: ParsedNode | null, path: Path): void {
    const node = this.build(source, path);
    const bases = node?.kind === 'list' ? node.items : node ? [node] : [];
    for (const base of bases) {
      if (base.kind !== 'map') {
        this.#problems.error(base.place, [...path, '<<'], 'expected a map to merge');
        continue;
      }
      for (const [name, entry] of base.entries) if (!entries.has(name)) entries.set(name, entry);
    }
  }
}

function scalar(value: ScalarNode['value'], text: string, place: Place): ScalarNode {
  return { kind: 'scalar', value, text, flexible: false, place };
}
