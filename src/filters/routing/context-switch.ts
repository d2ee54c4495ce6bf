import { textOf } from '../../context/value.ts';
import { continueProperty, drop } from './redirect-flow.ts';
import { defineFilter, type FilterServices, type Handler } from '../../flow/filter.ts';

type Scalar = string | number | boolean;
type Action = 'redirect_flow' | 'drop';

interface ContextSwitchParameters {
  readonly context: string;
  readonly skip_error: boolean;
  readonly default_action: Action;
  readonly default_flow?: string;
  readonly stringify_value: boolean;
  readonly continue: boolean;
  readonly switch: readonly {
    readonly case: readonly Scalar[];
    readonly action: Action;
    readonly flow?: string;
  }[];
}

const action = { type: 'string', enum: ['redirect_flow', 'drop'] } as const;

export default defineFilter<ContextSwitchParameters>({
  name: 'context_switch',
  summary: 'Sends requests to other flows by a value of their context.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context', 'switch'],
    properties: {
      context: {
        type: 'string',
        syntax: 'field',
        description: 'The value that decides.',
        examples: ['_ctx.request.header.X-Tenant'],
      },
      skip_error: {
        type: 'boolean',
        default: false,
        description:
          'Whether a request that lacks the value just goes on. Else it goes by the default, and when there is none, it is an error.',
      },
      default_action: {
        ...action,
        default: 'redirect_flow',
        description:
          'What is done when no case fits. A request that is dropped so has no answer: unless a filter before has given one, it gets 404.',
      },
      default_flow: {
        type: 'string',
        references: 'flow',
        description: 'The flow when no case fits, or when one names none.',
        examples: ['not_found'],
      },
      stringify_value: {
        type: 'boolean',
        default: true,
        description: 'Whether values are compared as text, so that 1 is "1".',
      },
      continue: continueProperty,
      switch: {
        type: 'array',
        minItems: 1,
        description: 'The cases; the first that fits counts.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['case'],
          properties: {
            case: {
              type: 'array',
              items: { type: ['string', 'number', 'boolean'] },
              minItems: 1,
              description: 'Values that it is for.',
              examples: [['01', '02']],
            },
            case_value_type: {
              type: 'string',
              description: 'Type of the values.',
              unsupported: 'has no effect: "stringify_value" says how values are compared',
            },
            action: {
              ...action,
              default: 'redirect_flow',
              description: 'What is done with such requests.',
            },
            flow: {
              type: 'string',
              references: 'flow',
              description: 'The flow for such requests; the default is `default_flow`.',
              examples: ['old_logs'],
            },
          },
        },
      },
    },
  },
  create(parameters, services) {
    const { skip_error: skipError, default_action, default_flow } = parameters;
    const { read, alike } = services.field(parameters.context);
    const keyOf = parameters.stringify_value ? textOf : (value: unknown) => value;
    const byDefault =
      default_action === 'drop'
        ? leaveUnanswered
        : handlerFor(default_action, default_flow, parameters.continue, services);
    const cases = new Map<unknown, Handler | undefined>();
    for (const { case: values, action: act, flow } of parameters.switch) {
      const handler = handlerFor(act, flow ?? default_flow, parameters.continue, services);
      for (const value of values) {
        if (!cases.has(keyOf(value))) cases.set(keyOf(value), handler);
      }
    }

    return function contextSwitch(context) {
      const value = read(context);
      if (value === undefined || value === null) {
        if (skipError) return;
        if (byDefault === undefined) throw new Error(`the request has no ${parameters.context}`);
      }
      let key = keyOf(value);
      if (!cases.has(key)) key = alike?.(context) ?? key;
      const handler = cases.has(key) ? cases.get(key) : byDefault;
      return handler?.(context);
    };
  },
});

/** Nothing has decided to drop this very request. */
const leaveUnanswered: Handler = (context) => context.finish();

function handlerFor(
  act: Action,
  flow: string | undefined,
  goOn: boolean,
  services: FilterServices,
): Handler | undefined {
  if (act === 'drop') return drop;
  return flow === undefined ? undefined : services.detour(flow, goOn);
}
