import { isBuffered } from '../../http/body/body.ts';
import type { GatewayResponse, RequestContext } from '../../http/context.ts';
import { GatewayError, reasonOf } from '../../errors.ts';
import { continueProperty } from './redirect-flow.ts';
import { defineFilter, type Handler } from '../../flow/filter.ts';

interface CloneParameters {
  readonly flows: readonly string[];
  readonly continue: boolean;
}

export default defineFilter<CloneParameters>({
  name: 'clone',
  summary: 'Sends each request to several flows; the answer of the last counts, unless one failed.',
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
          'The flows, run one after the other, whatever becomes of those before. Each gets the request as it came here. The response is that of the last one, or of the first one that failed: with an error of the gateway, or a status of 400 or more. A status of 404 or 409 is no failure: the document was not there, or was there already.',
        examples: [['write_to_region_a', 'write_to_region_b']],
      },
      continue: continueProperty,
    },
  },
  create({ flows, continue: goOn }, services) {
    // Each flow sends the body, so it has to be in memory.
    services.field('_ctx.request.body');
    const handlers = flows.map((name) => ({ name, handle: services.flow(name) }));

    return async function clone(context) {
      const { response } = context;
      let failed: KeptResponse | null = null;
      for (const [index, { name, handle }] of handlers.entries()) {
        const restore = snapshot(context);
        // oxlint-disable-next-line no-await-in-loop -- they share the request and the response
        const reason = await failureOf(context, handle);
        if (context.aborted) return failed?.cancel();
        if (reason !== null) {
          services.log.warn({ flow: name, reason }, 'a cloned request failed');
          failed ??= new KeptResponse(response);
        }
        if (index < handlers.length - 1) restore();
      }
      failed?.restore();
      context.finished = !goOn;
    };
  },
});

/** Runs a flow; answers why it failed, or null when it did not. */
async function failureOf(context: RequestContext, handle: Handler): Promise<string | null> {
  const { response } = context;
  try {
    await handle(context);
  } catch (error) {
    const failure =
      error instanceof GatewayError
        ? error
        : new GatewayError('INTERNAL', { reason: reasonOf(error) }, error);
    response.fail(failure);
    return failure.message;
  }
  const { status, failure } = response;
  if (status < 400 || status === 404 || status === 409) return null;
  return failure?.message ?? `the answer has status ${status}`;
}

/** A response that is set aside, with a body that may still be arriving. */
class KeptResponse {
  readonly #response: GatewayResponse;
  readonly #kept: Pick<GatewayResponse, 'status' | 'statusText' | 'headers' | 'body' | 'failure'>;

  constructor(response: GatewayResponse) {
    const { status, statusText, headers, body, failure } = response;
    this.#response = response;
    this.#kept = { status, statusText, headers, body, failure };
    response.headers = headers.clone();
    response.body = null;
  }

  /** Puts it in the place of the one that is there now. */
  restore(): void {
    const { body } = this.#response;
    if (!isBuffered(body)) body.cancel();
    Object.assign(this.#response, this.#kept);
  }

  cancel(): void {
    const { body } = this.#kept;
    if (!isBuffered(body)) body.cancel();
  }
}

/** Remembers request and response; the function returned puts them back. */
function snapshot(context: RequestContext): () => void {
  const { request, response } = context;
  const { method, target, body } = request;
  const requestHeaders = request.headers.clone();
  const responseHeaders = response.headers.clone();
  const { status, statusText, body: responseBody, failure } = response;
  return () => {
    Object.assign(request, { method, target, headers: requestHeaders, body });
    if (!isBuffered(response.body) && response.body !== responseBody) response.body.cancel();
    const headers = responseHeaders;
    Object.assign(response, { status, statusText, headers, body: responseBody, failure });
    context.finished = false;
  };
}
