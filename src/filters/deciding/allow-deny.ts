import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { Test } from '../../flow/conditions/condition.ts';
import { defineFilter, type FilterDefinition, type FilterServices } from '../../flow/filter.ts';
import {
  checkVerdict,
  compileVerdict,
  type VerdictParameters,
  verdictProperties,
} from './denial.ts';

export interface AdmissionParameters<Item> extends VerdictParameters {
  readonly include?: readonly Item[];
  readonly exclude?: readonly Item[];
}

interface AdmissionDefinition<Item> {
  readonly name: string;
  readonly summary: string;
  /** Schema of what stands in `include` and `exclude`. */
  readonly item: JsonSchema;
  /** Items for the documentation. */
  readonly examples: readonly Item[];
  /** What the items have in common, for the documentation: `methods`. */
  readonly noun: string;
  /** Compiles whether a request is one of these. */
  compile(items: readonly Item[], services: FilterServices): Test;
}

/**
 * Declares a filter that lets a request through by two lists: none of `exclude` may be true of it,
 * and, where there is `include`, one of that has to be.
 */
export function defineAdmissionFilter<Item>(
  definition: AdmissionDefinition<Item>,
): FilterDefinition<AdmissionParameters<Item>> {
  const { name, summary, item, noun, examples } = definition;
  const list = (description: string): JsonSchema => {
    return { type: 'array', items: item, description, examples: [examples] };
  };
  return defineFilter<AdmissionParameters<Item>>({
    name,
    summary,
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        exclude: list(`The ${noun} that are not let through.`),
        include: list(`The only ${noun} that are let through, unless they are excluded.`),
        ...verdictProperties,
      },
    },
    check: checkVerdict,
    create(parameters, services) {
      const { include = [], exclude = [] } = parameters;
      const isExcluded = exclude.length > 0 ? definition.compile(exclude, services) : never;
      const isIncluded = include.length > 0 ? definition.compile(include, services) : always;
      const refuse = compileVerdict(parameters, services);
      return function admit(context) {
        if (isExcluded(context) || !isIncluded(context)) return refuse(context);
      };
    },
  });
}

function never(): boolean {
  return false;
}

function always(): boolean {
  return true;
}
