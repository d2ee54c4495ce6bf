import { fieldValue } from '../context/target.ts';
import { assignmentsSchema, compileAssignments } from '../flow/assignments.ts';
import { defineFilter } from '../flow/filter.ts';

interface SetResponseHeaderParameters {
  readonly headers: readonly string[];
}

export default defineFilter<SetResponseHeaderParameters>({
  name: 'set_response_header',
  summary: 'Sets header fields of the response.',
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

    return function setResponseHeader(context) {
      for (const { name, value } of fields) {
        context.response.headers.set(name, fieldValue(value.render(context)));
      }
    };
  },
});
