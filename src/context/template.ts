import type { RequestContext } from './context.ts';
import { compileField, type Field } from './field.ts';
import { combineNeeds, type Needs, noNeeds } from './needs.ts';
import { textOf } from './value.ts';

/** A text that may hold `$[[_ctx.request.path]]` and the like, compiled. */
export interface Template {
  readonly needs: Needs;
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
  const literals: string[] = [];
  const fields: Field[] = [];
  let end = 0;
  for (const match of text.matchAll(fieldPattern)) {
    literals.push(text.slice(end, match.index));
    fields.push(compileField(match[1] as string));
    end = match.index + match[0].length;
  }
  if (fields.length === 0) {
    return { needs: noNeeds, constant: text, render: () => text, value: () => text };
  }
  const tail = text.slice(end);
  const render = (context: RequestContext): string => {
    let result = '';
    for (let i = 0; i < fields.length; i++) {
      result += literals[i] + textOf((fields[i] as Field).read(context));
    }
    return result + tail;
  };
  const [first] = fields as [Field];
  const isOneField = fields.length === 1 && literals[0] === '' && tail === '';
  return {
    needs: combineNeeds(fields.map((field) => field.needs)),
    constant: undefined,
    render,
    value: isOneField ? first.read : render,
  };
}
