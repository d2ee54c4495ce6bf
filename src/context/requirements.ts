import type { RequestContext } from '../http/context.ts';
import type { Message } from '../http/message.ts';

/** What must be known of a body before it is asked for: nothing, how long it is, or all of it. */
export type BodyNeed = 'nothing' | 'length' | 'content';

/** What a field, a template or a condition must find in memory. Known when a flow is compiled. */
export interface Needs {
  readonly requestBody: BodyNeed;
  readonly responseBody: BodyNeed;
}

export const noNeeds: Needs = { requestBody: 'nothing', responseBody: 'nothing' };

/** The needs of several together. */
export function combineNeeds(all: Iterable<Needs>): Needs {
  let needs = noNeeds;
  for (const { requestBody, responseBody } of all) {
    needs = {
      requestBody: larger(needs.requestBody, requestBody),
      responseBody: larger(needs.responseBody, responseBody),
    };
  }
  return needs;
}

/** The most that is held of a body in memory, bytes. */
export interface BodyLimits {
  readonly request: number;
  readonly response: number;
}

/** As much as Elasticsearch takes by default: nothing is refused here that it would have taken. */
export const defaultBodyLimits: BodyLimits = { request: 100 << 20, response: 100 << 20 };

/**
 * Makes the context ready for those needs: at once when nothing is missing, and else a promise.
 * Undefined when there are no needs at all.
 * @throws BODY_TOO_LARGE, RESPONSE_TOO_LARGE
 */
export function preparation(
  needs: Needs,
  limits: BodyLimits,
): ((context: RequestContext) => void | Promise<void>) | undefined {
  const { requestBody, responseBody } = needs;
  if (requestBody === 'nothing' && responseBody === 'nothing') return undefined;
  return ({ request, response }) => {
    const pending = prepare(request, requestBody, limits.request);
    if (pending) return pending.then(() => prepare(response, responseBody, limits.response));
    return prepare(response, responseBody, limits.response);
  };
}

function prepare(message: Message, need: BodyNeed, limit: number): void | Promise<void> {
  if (need === 'content') {
    message.checkSize(limit);
    if (!message.isRead) return message.readContent(limit);
  }
  if (need === 'length' && message.length === undefined) return message.readContent(limit);
}

const sizes: readonly BodyNeed[] = ['nothing', 'length', 'content'];

function larger(one: BodyNeed, other: BodyNeed): BodyNeed {
  return sizes.indexOf(one) > sizes.indexOf(other) ? one : other;
}
