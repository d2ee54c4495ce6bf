/** One segment of a pattern: what stands between two slashes. */
export type Segment =
  | { readonly kind: 'static'; readonly text: string }
  /** Must match as a whole; each group is a variable. */
  | { readonly kind: 'expression'; readonly regexp: RegExp }
  /** A variable alone: any segment but an empty one. */
  | { readonly kind: 'any' }
  /** The rest of the path, slashes and all, perhaps empty; it begins with `prefix`. */
  | { readonly kind: 'rest'; readonly prefix: string };

export interface RoutePattern {
  readonly segments: readonly Segment[];
  /** Names of the variables, in order of appearance. */
  readonly variables: readonly string[];
}

/**
 * Understands `/a`, `/{x}`, `/pre_{x}_post`, `/{x:regexp}` and `/{x:*}`.
 * @throws SyntaxError saying what is wrong with the pattern.
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
  let literal = '';
  let expression = '';
  let afterVariable = false;
  const before = variables.length;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '}') throw new SyntaxError('"}" without "{"');
    if (char === '*') throw new SyntaxError('"*" stands only in a variable, like {name:*}');
    if (char !== '{') {
      literal += char;
      expression += char.replace(/[\\^$.|?+()[\]]/, '\\$&');
      afterVariable = false;
      continue;
    }
    const end = closingBrace(text, at);
    const [name, source] = parseVariable(text.slice(at + 1, end));
    if (afterVariable) throw new SyntaxError('two variables need something in between');
    if (variables.includes(name)) throw new SyntaxError(`variable {${name}} appears twice`);
    variables.push(name);
    if (source === '*') {
      if (!isLast || end !== text.length - 1 || variables.length > before + 1) {
        throw new SyntaxError(`{${name}:*} stands only at the end`);
      }
      return { kind: 'rest', prefix: literal };
    }
    if (source === null && text === `{${name}}`) return { kind: 'any' };
    expression += `(${source === null ? '[^]+' : ungrouped(source)})`;
    afterVariable = true;
    at = end;
  }
  if (variables.length === before) return { kind: 'static', text };
  return { kind: 'expression', regexp: new RegExp(`^${expression}$`) };
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
  if (colon === text.length - 1) throw new SyntaxError(`{${text}} has an empty expression`);
  return [name, colon < 0 ? null : text.slice(colon + 1)];
}

/** The expression with its own groups made non-capturing: a group stands for a variable. */
function ungrouped(source: string): string {
  try {
    void new RegExp(source);
  } catch (error) {
    throw new SyntaxError(`"${source}" is no regular expression`, { cause: error });
  }
  const groups = /\\.|\[(?:\\.|[^\]])*\]|\((?:\?<(?![=!])[^>]*>|(?!\?))/g;
  return `(?:${source.replace(groups, (part) => (part.startsWith('(') ? '(?:' : part))})`;
}
