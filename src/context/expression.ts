import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { GatewayError, reasonOf } from '../errors.ts';

const require = createRequire(import.meta.url);

/** A text of so many characters may take some tenths of a second, in which others wait. */
const longestText = 2 << 20;

/**
 * A regular expression in the syntax of RE2, which is that of Go. Its time grows with the length of
 * the text and never faster, so that no client can stall a worker with a text made for the purpose.
 */
export class Expression {
  readonly source: string;
  readonly #compiled: RE2JS;
  readonly #longest: number;
  /** Names of the groups, `(?P<name>…)`. */
  readonly groupNames: readonly string[];

  /** Texts of more than `longest` characters are refused. @throws PARAMETER_INVALID */
  constructor(source: string, longest = longestText) {
    this.source = source;
    this.#longest = longest;
    try {
      // Loaded with the first expression: most configurations have none.
      const re2 = require('re2js') as typeof import('re2js');
      this.#compiled = re2.RE2JS.compile(source);
    } catch (error) {
      const fault = reasonOf(error).replace('error parsing regexp: ', '');
      const reason = `"${source}" is no regular expression: ${fault}`;
      throw new GatewayError('PARAMETER_INVALID', { reason }, error);
    }
    this.groupNames = Object.keys(this.#compiled.namedGroups());
  }

  /** How many groups there are, named or not. */
  get groupCount(): number {
    return this.#compiled.groupCount();
  }

  /** Whether any part of `text` matches. */
  test(text: string): boolean {
    this.#checkLength(text);
    return this.#compiled.test(text);
  }

  /** The groups, by number from 0, when all of `text` matches; what took no part is empty. */
  matchWhole(text: string): readonly string[] | undefined {
    const matcher = this.#compiled.matcher(text);
    if (!matcher.matches()) return undefined;
    return Array.from({ length: this.groupCount + 1 }, (_, i) => matcher.group(i) ?? '');
  }

  /** What the named groups of the first match stand for, or undefined when nothing matches. */
  groups(text: string): Readonly<Record<string, string>> | undefined {
    this.#checkLength(text);
    const matcher = this.#compiled.matcher(text);
    if (!matcher.find()) return undefined;
    const groups: Record<string, string> = {};
    for (const name of this.groupNames) groups[name] = matcher.group(name) ?? '';
    return groups;
  }

  /** `text` with every match replaced. */
  replace(text: string, replacement: Replacement): string {
    if (!this.test(text)) return text;
    const matcher = this.#compiled.matcher(text);
    let result = '';
    let end = 0;
    while (matcher.find()) {
      // Nothing, right behind a match, is no match of its own.
      if (matcher.start() === matcher.end() && matcher.end() === end && end > 0) continue;
      result += text.slice(end, matcher.start());
      result += replacement((group) => matcher.group(group) ?? '');
      end = matcher.end();
    }
    return result + text.slice(end);
  }

  #checkLength({ length }: string): void {
    if (length > this.#longest) throw new GatewayError('TEXT_TOO_LONG', { limit: this.#longest });
  }
}

/** What to put in place of a match, given a way to ask for its groups. */
export type Replacement = (group: (nameOrNumber: string | number) => string) => string;

/**
 * Compiles a replacement in the syntax of Go: `$1`, `$name` (the longest name counts), `${name}`,
 * `$$` for a dollar sign. A group that `expression` does not have is empty.
 */
export function compileReplacement(text: string, expression: Expression): Replacement {
  const parts: (string | { readonly group: string | number })[] = [];
  let end = 0;
  for (const match of text.matchAll(/\$(?:\$|(\w+)|\{(\w+)\})/g)) {
    parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const name = match[1] ?? match[2];
    if (name === undefined) parts.push('$');
    else if (expression.groupNames.includes(name)) parts.push({ group: name });
    else if (Number(name) <= expression.groupCount) parts.push({ group: Number(name) });
  }
  parts.push(text.slice(end));
  return (group) => {
    let result = '';
    for (const part of parts) result += typeof part === 'string' ? part : group(part.group);
    return result;
  };
}
