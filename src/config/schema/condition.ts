import type { JsonSchema } from './json-schema.ts';

function fields(description: string, example: unknown): JsonSchema {
  return { type: 'object', description, examples: [example] };
}

function conditions(description: string): JsonSchema {
  const example = [
    { prefix: { '_ctx.request.path': '/_' } },
    { equals: { '_ctx.request.method': 'PUT' } },
  ];
  return { type: 'array', description, examples: [example] };
}

function notYet(description: string): JsonSchema {
  return { description, refused: 'is not supported yet' };
}

/** Documentation of conditions. Their checks go beyond this schema. */
export const conditionSchema: JsonSchema = {
  type: 'object',
  description: 'A condition: one operator with what it compares.',
  examples: [{ equals: { '_ctx.request.method': 'GET' } }],
  properties: {
    equals: fields('Whether each field has this value; numbers and text are compared as text.', {
      '_ctx.request.method': 'GET',
    }),
    contains: fields('Whether each field contains this text.', { '_ctx.response.body': 'error' }),
    prefix: fields('Whether each field begins with this text.', { '_ctx.request.path': '/logs' }),
    suffix: fields('Whether each field ends with this text.', { '_ctx.request.path': '/_search' }),
    regexp: fields(
      'Whether this expression (RE2) matches a part of each field. A text of more than two million characters gets 413.',
      {
        '_ctx.request.uri': '.*/_search',
      },
    ),
    range: fields(
      'Whether each field is a number, or text that Elasticsearch reads as one, within bounds: lt, lte, gt, gte.',
      {
        '_ctx.response.status': { gte: 400, lt: 500 },
      },
    ),
    network: fields('Whether each field is an address in one of these networks.', {
      '_ctx.remote_ip': ['10.0.0.0/8', 'loopback'],
    }),
    exists: {
      type: ['array', 'string'],
      description: 'Whether all of these fields have a value that is not empty.',
      examples: [['_ctx.request.username']],
    },
    in: fields('Whether each field has one of these values.', {
      '_ctx.response.status': [200, 201],
    }),
    cluster_available: {
      type: ['array', 'string'],
      description: 'Whether all of these clusters accept requests.',
      examples: [['prod']],
    },
    and: conditions('Whether all of these conditions are met.'),
    or: conditions('Whether at least one of these conditions is met.'),
    not: {
      type: 'object',
      description: 'Whether this condition is not met.',
      examples: [{ exists: ['_ctx.request.username'] }],
    },
    queue_has_lag: notYet('Whether queues have messages waiting.'),
    consumer_has_lag: notYet('Whether a consumer of a queue lags behind.'),
  },
};

/** Items of a list of filters that are not filters. */
export const branchProperties: ReadonlyMap<string, JsonSchema> = new Map<string, JsonSchema>([
  [
    'if',
    { ...conditionSchema, description: 'A condition that chooses between "then" and "else".' },
  ],
  ['then', filterList('Filters that run when the condition is met.')],
  ['else', filterList('Filters that run when the condition is not met.')],
  [
    'when',
    {
      ...conditionSchema,
      description: 'Among the parameters of any filter: the condition on which it runs.',
    },
  ],
]);

function filterList(description: string): JsonSchema {
  return { type: 'array', filters: true, description };
}
