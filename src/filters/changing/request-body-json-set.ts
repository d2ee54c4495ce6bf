import { parseJsonPath } from '../../http/body/json-path.ts';
import { jsonOf } from '../../context/value.ts';
import { assignmentsSchema, compileAssignments } from './assignments.ts';
import { defineFilter } from '../../flow/filter.ts';

interface RequestBodyJsonSetParameters {
  readonly path: readonly string[];
  readonly ignore_missing: boolean;
}

export default defineFilter<RequestBodyJsonSetParameters>({
  name: 'request_body_json_set',
  summary: 'Sets values in a JSON request body.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: assignmentsSchema('Paths and JSON values; what is no JSON is a text.', [
        'aggs.total_num.terms.field -> "name"',
        'aggs.total_num.terms.size -> 3',
      ]),
      ignore_missing: {
        type: 'boolean',
        default: false,
        description: 'Whether a path that the body does not have is left out; else it is made.',
      },
    },
  },
  create({ path: texts, ignore_missing: ignoreMissing }, services) {
    services.field('_ctx.request.body_json');
    const assignments = compileAssignments(texts, services).map(({ name, value }) => {
      const constant = value.constant === undefined ? undefined : jsonOf(value.constant);
      return {
        path: parseJsonPath(name),
        valueOf: constant === undefined ? value.value : () => constant,
      };
    });

    return function requestBodyJsonSet(context) {
      const { content } = context.request;
      for (const { path, valueOf } of assignments) {
        if (ignoreMissing && content.read(path) === undefined) continue;
        if (!content.write(path, valueOf(context))) {
          services.log.debug(
            { entry: context.entry },
            'the request body is not JSON: left as it is',
          );
          return;
        }
      }
    };
  },
});
