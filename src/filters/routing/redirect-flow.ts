import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { Handler } from '../../flow/filter.ts';

/** The parameter of filters that send requests to another flow. */
export const continueProperty: JsonSchema = {
  type: 'boolean',
  default: false,
  description: 'Whether the filters behind this one run, too, after the other flow.',
};

/** Ends a request: the response stays as it is, or is an empty 200. */
export const drop: Handler = (context) => {
  context.response.status ||= 200;
  context.finish();
};
