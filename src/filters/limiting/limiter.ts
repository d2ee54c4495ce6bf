import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { RequestContext } from '../../http/context.ts';
import { defineFilter, type FilterDefinition, type FilterServices } from '../../flow/filter.ts';
import {
  type Allowance,
  allowanceProperties,
  checkAllowance,
  checkInterval,
  compileLimiter,
  type LimiterParameters,
  limiterProperties,
  openAllowance,
} from './limits.ts';

interface LimiterDefinition<Own> {
  readonly name: string;
  readonly summary: string;
  /** What it has beside the limits. */
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** Compiles what a request counts for; undefined for one that is not limited. */
  compile(
    parameters: Own,
    services: FilterServices,
  ): (context: RequestContext) => string | undefined;
}

/** Declares a filter that limits how much passes for each of its keys. */
export function defineLimiterFilter<Own>(
  definition: LimiterDefinition<Own>,
): FilterDefinition<Own & LimiterParameters & Allowance> {
  const { name, summary, properties, required = [] } = definition;
  return defineFilter<Own & LimiterParameters & Allowance>({
    name,
    summary,
    schema: {
      type: 'object',
      additionalProperties: false,
      required,
      properties: { ...properties, ...allowanceProperties, ...limiterProperties },
    },
    check: (parameters) => [...checkAllowance(parameters), ...checkInterval(parameters)],
    create(parameters, services) {
      const keyOf = definition.compile(parameters, services);
      const allowing = openAllowance(parameters, parameters.interval, services);
      const limit = compileLimiter(parameters, services);
      return function limitByKey(context) {
        const key = keyOf(context);
        if (key !== undefined) return limit(context, key, allowing);
      };
    },
  });
}
