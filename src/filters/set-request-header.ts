import { fieldValue } from '../context/target.ts';
import { assignmentsSchema, compileAssignments } from '../flow/assignments.ts';
import { defineFilter } from '../flow/filter.ts';

interface SetRequestHeaderParameters {
  readonly headers: readonly string[];
}

export default defineFilter<SetRequestHeaderParameters>({
  name: 'set_request_header',
  summary: 'Sets header fields of the request.',
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
  create({ headers }, services) {
    const fields = compileAssignments(headers, services);

    return function setRequestHeader(context) {
      for (const { name, value } of fields) {
        context.request.headers.set(name, fieldValue(value.render(context)));
      }
    };
  },
});
