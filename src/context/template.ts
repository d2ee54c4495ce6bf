import { GatewayError } from '../errors.ts';
import type { RequestContext } from '../http/context.ts';
import { compileField } from './fields/compile.ts';
import type { Field } from './fields/rule.ts';
import { combineNeeds, type Needs, noNeeds } from './requirements.ts';
import { textOf } from './value.ts';

/** A text that may hold `$[[_ctx.request.path]]` and the like, compiled. */
export interface Template {
  readonly needs: Needs;
  /** Literals and fields, in their order. */
  readonly parts: readonly (string | Field)[];
  /** The text itself when it holds no field: then it is the same for every request. */
  readonly constant: string | undefined;
  /** The text with its fields filled in; a field that is not there is ''. */
  readonly render: (context: RequestContext) => string;
  /** The same, but a text that is nothing but one field gives that field's value as it is. */
  readonly value: (context: RequestContext) => unknown;
}

const fieldPattern = /\$\[\[\s*((?:[^[\]]|\[\d+\])+?)\s*\]\]/g;

/** @throws PARAMETER_INVALID when it names a field that does not exist */
export function compileTemplate(text: string): Template {
  const parts: (string | Field)[] = [];
  let end = 0;
  for (const match of text.matchAll(fieldPattern)) {
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push(compileField(match[1] as string));
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push(text.slice(end));
  const fields = parts.filter((part) => typeof part !== 'string');
  if (fields.length === 0) {
    return { needs: noNeeds, parts, constant: text, render: () => text, value: () => text };
  }
  const render = (context: RequestContext): string => {
    let result = '';
    for (const part of parts) {
      result += typeof part === 'string' ? part : textOf(part.read(context));
    }
    return result;
  };
  const [first] = fields as [Field];
  return {
    needs: combineNeeds(fields.map((field) => field.needs)),
    parts,
    constant: undefined,
    render,
    value: parts.length === 1 ? first.read : render,
  };
}

/** `name -> value`. */
export interface Assignment {
  readonly name: string;
  /** May hold templates. */
  readonly value: string;
}

/** Reads `name -> value`. @throws PARAMETER_INVALID */
export function parseAssignment(text: string): Assignment {
  const arrow = text.indexOf('->');
  const name = text.slice(0, Math.max(arrow, 0)).trim();
  if (name === '' || /\s/.test(name)) {
    throw new GatewayError('PARAMETER_INVALID', {
      reason: `expected "name -> value", got "${text}"`,
    });
  }
  return { name, value: text.slice(arrow + 2).trim() };
}

/** What is wrong with an assignment is thrown. @throws PARAMETER_INVALID */
export function checkAssignment(text: string): void {
  compileTemplate(parseAssignment(text).value);
}
