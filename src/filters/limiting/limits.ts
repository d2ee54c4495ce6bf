import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { RequestContext } from '../../http/context.ts';
import type { FilterServices, Limit } from '../../flow/filter.ts';
import { pause } from '../abortable.ts';

/** How much may pass in an interval. */
export interface Allowance {
  readonly max_requests?: number;
  readonly burst_requests?: number;
  readonly max_bytes?: number;
  readonly burst_bytes?: number;
}

/** What every limiter has in common. */
export interface LimiterParameters {
  /** Milliseconds. */
  readonly interval: number;
  readonly action: 'retry' | 'drop';
  readonly status: number;
  readonly message: string;
  readonly failed_retry_message: string;
  readonly retry_delay_in_ms: number;
  readonly max_retry_times: number;
  readonly log_warn_message: boolean;
}

const byteLimit: JsonSchema = {
  anyOf: [{ type: ['integer', 'string'], bytes: true }, { const: -1 }],
};

export const allowanceProperties: Readonly<Record<string, JsonSchema>> = {
  max_requests: {
    type: 'integer',
    minimum: -1,
    description:
      'Requests that may pass in an interval, over all workers; no limit without it, or with -1.',
    examples: [256],
  },
  burst_requests: {
    type: 'integer',
    minimum: -1,
    description:
      'Requests that may pass in one interval after others with fewer; `max_requests` when it is less.',
    examples: [512],
  },
  max_bytes: {
    ...byteLimit,
    description:
      'Bytes of requests, head and body as clients send them, that may pass in an interval; no limit without it, or with -1. A request that is larger by itself never passes.',
    examples: ['100kb'],
  },
  burst_bytes: {
    ...byteLimit,
    description: 'Bytes that may pass in one interval after others with fewer.',
    examples: ['1mb'],
  },
};

export const limiterProperties: Readonly<Record<string, JsonSchema>> = {
  interval: {
    type: ['string', 'number'],
    duration: true,
    default: '1s',
    description: 'Interval that the limits are for. It begins with the first request.',
    examples: ['10s'],
  },
  action: {
    type: 'string',
    enum: ['retry', 'drop'],
    default: 'retry',
    description:
      'What becomes of a request over the limit: it waits and is tried again, or is refused.',
  },
  status: {
    type: 'integer',
    minimum: 200,
    maximum: 999,
    default: 429,
    description: 'HTTP status of the answer to a request that is refused.',
  },
  message: {
    type: 'string',
    syntax: 'template',
    default: 'Reach request limit!',
    description: 'Text that a request is refused with.',
    examples: ['your ip reached our limit'],
  },
  failed_retry_message: {
    type: 'string',
    syntax: 'template',
    default: 'Retried but still beyond request limit!',
    description: 'Text for a request that was tried too often.',
    examples: ['we are busy'],
  },
  retry_delay_in_ms: {
    type: 'integer',
    minimum: 1,
    default: 10,
    description: 'Milliseconds until the next try, for `action: retry`.',
  },
  max_retry_times: {
    type: 'integer',
    minimum: 0,
    default: 1000,
    description: 'How often a request is tried again before it is refused.',
  },
  retry_interval: {
    type: 'integer',
    description: 'Not the delay between two tries, although one may think so.',
    unsupported: 'has no effect; the delay between two tries is "retry_delay_in_ms"',
  },
  log_warn_message: {
    type: 'boolean',
    default: false,
    description: 'Whether each request over the limit is logged as a warning.',
  },
};

/** What the schemas cannot say. */
export function checkAllowance(
  allowance: Allowance,
  at: readonly (string | number)[] = [],
): { path: (string | number)[]; message: string }[] {
  if (allowance.max_requests !== undefined || allowance.max_bytes !== undefined) return [];
  return [{ path: [...at], message: 'expected "max_requests", "max_bytes" or both' }];
}

export function checkInterval({
  interval,
}: LimiterParameters): { path: (string | number)[]; message: string }[] {
  if (interval >= 10) return [];
  return [{ path: ['interval'], message: 'expected at least 10ms' }];
}

/** Both limits of an allowance: whether a request may pass, and how long until it could, ms. */
export interface Allowing {
  readonly take: (key: string, context: RequestContext) => boolean | Promise<boolean>;
  readonly wait: (key: string) => number;
}

/** Opens the limits of an allowance; `name` tells them from others of the same filter. */
export function openAllowance(
  { max_requests, burst_requests = 0, max_bytes, burst_bytes = 0 }: Allowance,
  interval: number,
  services: FilterServices,
  name = '',
): Allowing {
  const open = (kind: string, max: number | undefined, burst: number): Limit | null =>
    max !== undefined && max > 0
      ? services.limit(`${name}${kind}`, { max, most: Math.max(max, burst), interval })
      : null;
  const requests = open('requests', max_requests, burst_requests);
  const bytes = open('bytes', max_bytes, burst_bytes);
  // The length of a body that is still arriving must be known.
  if (bytes) services.field('_ctx.request.body_length');
  return {
    wait: (key) => Math.max(requests?.wait(key) ?? 0, bytes?.wait(key) ?? 0),
    take(key, context) {
      const taken = requests?.take(key, 1) ?? true;
      if (bytes === null || taken === false) return taken;
      const size = sizeOf(context);
      return taken === true ? takeBytes(key, size) : taken.then((ok) => ok && takeBytes(key, size));
    },
  };

  function takeBytes(key: string, size: number): boolean | Promise<boolean> {
    const taken = bytes?.take(key, size) ?? true;
    if (taken === true) return true;
    if (taken === false) {
      requests?.giveBack(key, 1);
      return false;
    }
    return taken.then((ok) => {
      if (!ok) requests?.giveBack(key, 1);
      return ok;
    });
  }
}

function sizeOf({ request }: RequestContext): number {
  const { method, target, length = 0, headSize, headers } = request;
  return method.length + target.length + 12 + length + (headSize || headers.size);
}

/** Compiles what a limiter does with a request for a key: let it pass, now or later, or refuse it. */
export function compileLimiter(
  parameters: LimiterParameters,
  services: FilterServices,
): (context: RequestContext, key: string, allowing: Allowing) => void | Promise<void> {
  const { action, retry_delay_in_ms: delay, max_retry_times: most, status } = parameters;
  const refusal = services.template(parameters.message);
  const failure = services.template(parameters.failed_retry_message);

  return function limit(context, key, allowing) {
    const taken = allowing.take(key, context);
    if (taken === true) return;
    if (taken === false) return over(context, key, allowing);
    return taken.then((passes) => (passes ? undefined : over(context, key, allowing)));
  };

  function over(context: RequestContext, key: string, allowing: Allowing): void | Promise<void> {
    if (parameters.log_warn_message) services.log.warn({ key }, 'a request is over the limit');
    if (action === 'drop') return refuse(context, key, allowing, refusal);
    return retry(context, key, allowing);
  }

  async function retry(context: RequestContext, key: string, allowing: Allowing): Promise<void> {
    for (let tries = 0; tries < most; ) {
      // Before the interval ends every try would fail: they count, but are left out.
      const skipped = Math.max(1, Math.min(most - tries, Math.ceil(allowing.wait(key) / delay)));
      tries += skipped;
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      await pause(context, skipped * delay);
      if (context.aborted) return;
      // oxlint-disable-next-line no-await-in-loop
      if (await allowing.take(key, context)) return;
    }
    refuse(context, key, allowing, failure);
  }

  function refuse(
    context: RequestContext,
    key: string,
    allowing: Allowing,
    text: typeof refusal,
  ): void {
    const { response } = context;
    response.status = status;
    response.statusText = '';
    response.headers.set('Content-Type', 'text/plain; charset=utf-8');
    response.headers.set('Retry-After', `${Math.max(1, Math.ceil(allowing.wait(key) / 1000))}`);
    response.setBody(Buffer.from(text.render(context)));
    context.finish();
  }
}
