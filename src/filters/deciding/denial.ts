import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { RequestContext } from '../../http/context.ts';
import type { FilterServices, Handler } from '../../flow/filter.ts';

/** What a deciding filter does with a request that it does not let through. */
export interface VerdictParameters {
  readonly action: 'deny' | 'redirect_flow';
  readonly status: number;
  readonly message?: string;
  readonly flow?: string;
}

/** The parameters that every deciding filter has. */
export const verdictProperties: Readonly<Record<string, JsonSchema>> = {
  action: {
    type: 'string',
    enum: ['deny', 'redirect_flow'],
    default: 'deny',
    description:
      'What becomes of a request that is not let through: it is answered here, or goes through another flow instead of the rest of this one. The field `FILTERED: true` of the response tells of it.',
  },
  status: {
    type: 'integer',
    minimum: 200,
    maximum: 999,
    default: 403,
    description:
      'HTTP status of the answer to a request that is denied. The one from before stands in its field `original_status`.',
  },
  message: {
    type: 'string',
    syntax: 'template',
    description:
      'Text that a request is denied with; it stands as "message" in a JSON body. Without it the body is empty.',
    examples: ['you are not allowed to do that'],
  },
  flow: {
    type: 'string',
    references: 'flow',
    description: 'The other flow, for `action: redirect_flow`.',
    examples: ['sign_in'],
  },
};

/** What the schema of the properties cannot say. */
export function checkVerdict({
  action,
  flow,
}: VerdictParameters): { path: string[]; message: string }[] {
  if (action !== 'redirect_flow' || flow !== undefined) return [];
  return [{ path: ['action'], message: '"redirect_flow" needs "flow", the flow to go to' }];
}

/** Compiles what is done with a request that is not let through; it ends the flow. */
export function compileVerdict(parameters: VerdictParameters, services: FilterServices): Handler {
  if (parameters.action === 'redirect_flow' && parameters.flow !== undefined) {
    const redirected = services.detour(parameters.flow);
    return function redirectFlow(context) {
      markFiltered(context);
      return redirected(context);
    };
  }
  const { status } = parameters;
  const message = parameters.message === undefined ? null : services.template(parameters.message);
  return function deny(context) {
    const { response } = context;
    markFiltered(context);
    response.headers.set('original_status', `${response.status || 200}`);
    response.status = status;
    response.statusText = '';
    if (message === null) response.setBody(null);
    else {
      const body = { error: true, message: message.render(context) };
      response.headers.set('Content-Type', 'application/json');
      response.setBody(Buffer.from(JSON.stringify(body)));
    }
    context.finish();
  };
}

function markFiltered({ response }: RequestContext): void {
  response.headers.set('FILTERED', 'true');
}
