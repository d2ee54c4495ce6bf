import { assignmentsSchema, compileAssignments } from './assignments.ts';
import { defineFilter } from '../../flow/filter.ts';

interface SetRequestQueryArgsParameters {
  readonly args: readonly string[];
}

export default defineFilter<SetRequestQueryArgsParameters>({
  name: 'set_request_query_args',
  summary: 'Sets arguments in the query of the request.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['args'],
    properties: { args: assignmentsSchema('Arguments to set.', ['size -> 10']) },
  },
  create({ args }, services) {
    const assignments = compileAssignments(args, services).map(({ name, value }) => {
      return { value, set: services.writer(`_ctx.request.query_args.${name}`).set };
    });

    return function setRequestQueryArgs(context) {
      for (const { value, set } of assignments) set(context, value.render(context));
    };
  },
});
