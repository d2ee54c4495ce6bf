import { continueProperty, drop } from './redirect-flow.ts';
import { defineFilter } from '../../flow/filter.ts';

interface RatioParameters {
  readonly ratio: number;
  readonly action: 'redirect_flow' | 'drop';
  readonly flow?: string;
  readonly continue: boolean;
}

export default defineFilter<RatioParameters>({
  name: 'ratio',
  summary: 'Sends a share of the requests to another flow.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ratio: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 0.1,
        description:
          'The share, picked by chance: 0 is none and 1 is all. The field `X-Ratio-Hit` of the request says whether it was picked.',
      },
      action: {
        type: 'string',
        enum: ['redirect_flow', 'drop'],
        default: 'redirect_flow',
        description: 'What becomes of the requests that are picked.',
      },
      flow: {
        type: 'string',
        references: 'flow',
        description: 'The flow for the requests that are picked.',
        examples: ['canary'],
      },
      continue: continueProperty,
    },
  },
  check({ action, flow }) {
    if (action === 'drop' || flow !== undefined) return [];
    return [{ path: [], message: '"flow" is missing: the flow for the requests that are picked' }];
  },
  create(parameters, services) {
    const { ratio, action, flow } = parameters;
    const isDropping = action === 'drop' || flow === undefined;
    const picked = isDropping ? drop : services.detour(flow, parameters.continue);

    return function pickShare(context) {
      const isPicked = Math.random() < ratio;
      context.request.headers.set('X-Ratio-Hit', `${isPicked}`);
      if (isPicked) return picked(context);
    };
  },
});
