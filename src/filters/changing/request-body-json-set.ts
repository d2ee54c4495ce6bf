import type { RequestContext } from '../../http/context.ts';
import { expectAgain } from '../../context/requirements.ts';
import { parseJsonPath } from '../../http/json/path.ts';
import { jsonOf } from '../../context/value.ts';
import { assignmentsSchema, compileAssignments } from './assignments.ts';
import { defineFilter } from '../../flow/filter.ts';

interface RequestBodyJsonSetParameters {
  readonly path: readonly string[];
  readonly ignore_missing: boolean;
}

export default defineFilter<RequestBodyJsonSetParameters>({
  name: 'request_body_json_set',
  summary:
    'Sets values in a JSON request body. Everything else in the body stays as it is written; a body that should be JSON and cannot be read is answered with 400, unless the flow has `unreadable_json: ignore`.',
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
    const assignments = compileAssignments(texts, services).map(({ name, value }) => {
      const { needs } = services.field(`_ctx.request.body_json.${name}`);
      const constant = value.constant === undefined ? undefined : jsonOf(value.constant);
      return {
        needs,
        path: parseJsonPath(name),
        valueOf: constant === undefined ? value.value : () => constant,
      };
    });

    return function requestBodyJsonSet(context) {
      return setFrom(0, context);
    };

    /** Each change of a large body has the next one wait until the body has been read again. */
    function setFrom(first: number, context: RequestContext): void | Promise<void> {
      for (let index = first; index < assignments.length; index++) {
        const assignment = assignments[index] as (typeof assignments)[number];
        const pending = expectAgain(assignment.needs, context);
        if (pending) {
          return pending.then(() =>
            setOne(assignment, context) ? setFrom(index + 1, context) : undefined,
          );
        }
        if (!setOne(assignment, context)) return;
      }
    }

    function setOne(
      { path, valueOf }: (typeof assignments)[number],
      context: RequestContext,
    ): boolean {
      const { request } = context;
      if (ignoreMissing && request.readJson(path) === undefined) return true;
      if (request.writeJson(path, valueOf(context))) return true;
      services.log.debug({ entry: context.entry }, 'the request body is not JSON: left as it is');
      return false;
    }
  },
});
