import { parseAssignment } from '../../context/template.ts';
import { isToken } from '../../http/headers/syntax.ts';
import { fieldValue } from '../../http/target.ts';
import { assignmentsSchema, compileAssignments } from './assignments.ts';
import { defineFilter, type FilterDefinition } from '../../flow/filter.ts';

interface HeaderParameters {
  readonly headers: readonly string[];
}

export const setRequestHeader = defineHeaderFilter('request');
export const setResponseHeader = defineHeaderFilter('response');

/** Declares a filter that sets header fields of the request or the response. */
function defineHeaderFilter(message: 'request' | 'response'): FilterDefinition<HeaderParameters> {
  return defineFilter<HeaderParameters>({
    name: `set_${message}_header`,
    summary: `Sets header fields of the ${message}.`,
    schema: {
      type: 'object',
      additionalProperties: false,
      required: ['headers'],
      properties: {
        headers: assignmentsSchema('Header fields to set.', [
          'Trial -> true',
          'Department -> Engineering',
        ]),
      },
    },
    check: ({ headers }) =>
      headers.flatMap((text, index) => {
        const { name } = parseAssignment(text);
        if (isToken(name)) return [];
        return [{ path: ['headers', index], message: `"${name}" is no name of a header field` }];
      }),
    create({ headers }, services) {
      const fields = compileAssignments(headers, services);
      return function setHeader(context) {
        for (const { name, value } of fields) {
          context[message].headers.set(name, fieldValue(value.render(context)));
        }
      };
    },
  });
}
