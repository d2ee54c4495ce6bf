import type { RequestContext } from '../http/context.ts';
import type { JsonPath } from '../http/json/path.ts';
import type { Message } from '../http/message.ts';

/** What must be known of a body before it is asked for: nothing, how long it is, or all of it. */
export type BodyNeed = 'nothing' | 'length' | 'content';

/** What a field, a template or a condition must find in memory. Known when a flow is compiled. */
export interface Needs {
  readonly requestBody: BodyNeed;
  readonly responseBody: BodyNeed;
  /** What is asked of bodies as JSON. */
  readonly requestJson?: readonly JsonPath[];
  readonly responseJson?: readonly JsonPath[];
}

export const noNeeds: Needs = { requestBody: 'nothing', responseBody: 'nothing' };

/** The needs of several together. */
export function combineNeeds(all: Iterable<Needs>): Needs {
  let needs = noNeeds;
  for (const { requestBody, responseBody, requestJson = [], responseJson = [] } of all) {
    needs = {
      requestBody: larger(needs.requestBody, requestBody),
      responseBody: larger(needs.responseBody, responseBody),
      ...joined('requestJson', needs.requestJson, requestJson),
      ...joined('responseJson', needs.responseJson, responseJson),
    };
  }
  return needs;
}

function joined(
  name: 'requestJson' | 'responseJson',
  known: readonly JsonPath[] = [],
  more: readonly JsonPath[],
): Partial<Needs> {
  const paths = [...known, ...more];
  return paths.length > 0 ? { [name]: paths } : {};
}

/** The most that is held of a body in memory, bytes; and what becomes of one that is no JSON. */
export interface BodyLimits {
  readonly request: number;
  readonly response: number;
  /** `ignore`: a request body that is no JSON passes for one that lacks every field. */
  readonly unreadableJson?: 'refuse' | 'ignore';
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
  const { requestBody, responseBody, requestJson = [], responseJson = [] } = needs;
  const lenient = limits.unreadableJson === 'ignore';
  if (requestBody === 'nothing' && responseBody === 'nothing') return undefined;
  const ofRequest = { need: requestBody, limit: limits.request, paths: requestJson };
  const ofResponse = { need: responseBody, limit: limits.response, paths: responseJson };
  return (context) => {
    const { request, response } = context;
    request.lenient = lenient;
    const pending = prepare(request, ofRequest, context);
    if (pending) return pending.then(() => prepare(response, ofResponse, context));
    return prepare(response, ofResponse, context);
  };
}

interface Preparation {
  readonly need: BodyNeed;
  readonly limit: number;
  readonly paths: readonly JsonPath[];
}

function prepare(
  message: Message,
  { need, limit, paths }: Preparation,
  context: RequestContext,
): void | Promise<void> {
  if (need === 'content') {
    message.checkSize(limit);
    if (!message.isRead) {
      return message.readContent(limit).then(() => expectJson(message, paths, context));
    }
    return expectJson(message, paths, context);
  }
  if (need === 'length' && message.length === undefined) return message.readContent(limit);
}

/** Has bodies that are in memory read for the JSON that is needed of them, as `preparation` does. */
export function expectAgain(needs: Needs, context: RequestContext): void | Promise<void> {
  const { requestJson = [], responseJson = [] } = needs;
  const pending = expectJson(context.request, requestJson, context);
  if (pending) return pending.then(() => expectJson(context.response, responseJson, context));
  return expectJson(context.response, responseJson, context);
}

function expectJson(
  message: Message,
  paths: readonly JsonPath[],
  context: RequestContext,
): void | Promise<void> {
  if (paths.length > 0) return message.content.expect(paths, () => context.aborted);
}

const sizes: readonly BodyNeed[] = ['nothing', 'length', 'content'];

function larger(one: BodyNeed, other: BodyNeed): BodyNeed {
  return sizes.indexOf(one) > sizes.indexOf(other) ? one : other;
}
