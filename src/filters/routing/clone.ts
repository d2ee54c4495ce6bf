import type { RequestContext } from '../../http/context.ts';
import { isBuffered } from '../../http/body/body.ts';
import { reasonOf } from '../../errors.ts';
import { continueProperty } from './redirect-flow.ts';
import { defineFilter } from '../../flow/filter.ts';

interface CloneParameters {
  readonly flows: readonly string[];
  readonly continue: boolean;
}

export default defineFilter<CloneParameters>({
  name: 'clone',
  summary: 'Sends each request to several flows; the answer of the last one counts.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['flows'],
    properties: {
      flows: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', references: 'flow' },
        description:
          'The flows, run one after the other. Each gets the request as it came here. What goes wrong in any but the last is logged, and the next one runs.',
        examples: [['write_to_region_a', 'write_to_region_b']],
      },
      continue: continueProperty,
    },
  },
  create({ flows, continue: goOn }, services) {
    // Each flow sends the body, so it has to be in memory.
    services.field('_ctx.request.body');
    const handlers = flows.map((name) => ({ name, handle: services.flow(name) }));
    const last = handlers.pop() as (typeof handlers)[number];

    return async function clone(context) {
      for (const { name, handle } of handlers) {
        const restore = snapshot(context);
        try {
          await handle(context);
        } catch (error) {
          services.log.warn({ flow: name, reason: reasonOf(error) }, 'a cloned request failed');
        }
        if (context.aborted) return;
        restore();
      }
      await last.handle(context);
      if (!goOn) context.finish();
      else if (!context.aborted) context.finished = false;
    };
  },
});

/** Remembers request and response; the function returned puts them back. */
function snapshot(context: RequestContext): () => void {
  const { request, response } = context;
  const { method, target, body } = request;
  const requestHeaders = request.headers.clone();
  const responseHeaders = response.headers.clone();
  const { status, statusText, body: responseBody } = response;
  return () => {
    Object.assign(request, { method, target, headers: requestHeaders, body });
    if (!isBuffered(response.body) && response.body !== responseBody) response.body.cancel();
    Object.assign(response, { status, statusText, headers: responseHeaders, body: responseBody });
    context.finished = false;
  };
}
