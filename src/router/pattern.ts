import { Expression } from '../context/expression.ts';

/** One segment of a pattern: what stands between two slashes. */
export type Segment =
  | { readonly kind: 'static'; readonly text: string }
  /** A segment of which variables are parts, or that an expression describes. */
  | { readonly kind: 'expression'; readonly matcher: SegmentMatcher }
  /** A variable alone: any segment but an empty one. */
  | { readonly kind: 'any' }
  /** The rest of the path, slashes and all, perhaps empty; it begins with `prefix`. */
  | { readonly kind: 'rest'; readonly prefix: string };

export interface SegmentMatcher {
  /** Two matchers of the same source match the same. */
  readonly source: string;
  /** The values of the variables, in order, if the whole segment matches. */
  match(segment: string): readonly string[] | undefined;
}

export interface RoutePattern {
  readonly segments: readonly Segment[];
  /** Names of the variables, in order of appearance. */
  readonly variables: readonly string[];
}

/**
 * The same, and `/a/{x?}`, which stands for `/a/{x}` and `/a`.
 * @throws as `parsePattern`
 */
export function parsePatterns(pattern: string): RoutePattern[] {
  const [, before = '', name = '', rest = ''] = optionalEnd.exec(pattern) ?? [];
  if (name === '') return [parsePattern(pattern)];
  return [`${before}/{${name}${rest}`, before === '' ? '/' : before].map(parsePattern);
}

const optionalEnd = /^(.*)\/\{(\w+)\?((?::[^/]*)?\})$/;

/**
 * Understands `/a`, `/{x}`, `/pre_{x}_post`, `/{x:regexp}` and `/{x:*}`.
 * @throws SyntaxError saying what is wrong with the pattern; PARAMETER_INVALID for an expression.
 */
export function parsePattern(pattern: string): RoutePattern {
  if (!pattern.startsWith('/')) throw new SyntaxError('a pattern begins with "/"');
  const variables: string[] = [];
  const segments = split(pattern).map((text, index, all) =>
    parseSegment(text, index === all.length - 1, variables),
  );
  return { segments, variables };
}

/** The pattern's segments; a slash within braces separates nothing. */
function split(pattern: string): string[] {
  const segments: string[] = [];
  let start = 1;
  for (let i = 1; i < pattern.length; i++) {
    if (pattern[i] === '{') i = closingBrace(pattern, i);
    else if (pattern[i] === '/') {
      segments.push(pattern.slice(start, i));
      start = i + 1;
    }
  }
  return [...segments, pattern.slice(start)];
}

function parseSegment(text: string, isLast: boolean, variables: string[]): Segment {
  const parts: Part[] = [];
  let literal = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '}') throw new SyntaxError('"}" without "{"');
    if (char === '*') throw new SyntaxError('"*" stands only in a variable, like {name:*}');
    if (char !== '{') {
      literal += char;
      continue;
    }
    const end = closingBrace(text, at);
    const [name, source] = parseVariable(text.slice(at + 1, end));
    if (parts.length > 0 && literal === '') {
      throw new SyntaxError('two variables need something in between');
    }
    if (variables.includes(name)) throw new SyntaxError(`variable {${name}} appears twice`);
    variables.push(name);
    if (source === '*') {
      if (!isLast || end !== text.length - 1 || parts.length > 0) {
        throw new SyntaxError(`{${name}:*} stands only at the end`);
      }
      return { kind: 'rest', prefix: literal };
    }
    parts.push({ before: literal, source });
    literal = '';
    at = end;
  }
  const [only] = parts;
  if (only === undefined) return { kind: 'static', text };
  if (parts.length > 1 || only.source !== null) {
    return { kind: 'expression', matcher: new ExpressionMatcher(parts, literal) };
  }
  if (only.before === '' && literal === '') return { kind: 'any' };
  return { kind: 'expression', matcher: new AffixMatcher(only.before, literal) };
}

/** A variable, and the text between it and the one before. */
interface Part {
  readonly before: string;
  /** Expression for it; null when it may be anything but nothing. */
  readonly source: string | null;
}

/** One variable with a fixed text before it, after it, or both. */
class AffixMatcher implements SegmentMatcher {
  readonly source: string;
  readonly #prefix: string;
  readonly #suffix: string;

  constructor(prefix: string, suffix: string) {
    this.source = `${prefix}{}${suffix}`;
    this.#prefix = prefix;
    this.#suffix = suffix;
  }

  match(segment: string): readonly string[] | undefined {
    const end = segment.length - this.#suffix.length;
    if (end <= this.#prefix.length) return undefined;
    if (!segment.startsWith(this.#prefix) || !segment.endsWith(this.#suffix)) return undefined;
    return [segment.slice(this.#prefix.length, end)];
  }
}

/** Several variables, or some that expressions describe; those may have groups of their own. */
class ExpressionMatcher implements SegmentMatcher {
  readonly source: string;
  readonly #expression: Expression;
  /** Number of the group that is the variable, in order. */
  readonly #groups: readonly number[];

  constructor(parts: readonly Part[], suffix: string) {
    const groups: number[] = [];
    let group = 1;
    let source = '';
    for (const part of parts) {
      groups.push(group);
      group += 1 + (part.source === null ? 0 : new Expression(part.source).groupCount);
      source += `${quoted(part.before)}(${part.source ?? '(?s:.+)'})`;
    }
    this.source = source + quoted(suffix);
    this.#groups = groups;
    this.#expression = new Expression(this.source);
  }

  match(segment: string): readonly string[] | undefined {
    const groups = this.#expression.matchWhole(segment);
    return groups && this.#groups.map((number) => groups[number] ?? '');
  }
}

function quoted(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '{') depth++;
    else if (text[i] === '}' && --depth === 0) return i;
  }
  throw new SyntaxError('"{" without "}"');
}

function parseVariable(text: string): [name: string, source: string | null] {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === '') throw new SyntaxError('a variable needs a name');
  if (name.endsWith('?')) {
    throw new SyntaxError(`{${text}} stands only for a whole segment at the end`);
  }
  if (colon === text.length - 1) throw new SyntaxError(`{${text}} has an empty expression`);
  return [name, colon < 0 ? null : text.slice(colon + 1)];
}

/** Two patterns of the same shape take the same paths, whatever their variables are called. */
export function shapeOf({ segments }: RoutePattern): string {
  const shapes = segments.map((segment) => {
    if (segment.kind === 'static') return ['text', segment.text];
    if (segment.kind === 'expression') return ['expression', segment.matcher.source];
    return segment.kind === 'any' ? ['any'] : ['rest', segment.prefix];
  });
  return JSON.stringify(shapes);
}
