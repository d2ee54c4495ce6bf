import { textOf } from '../../context/value.ts';
import { defineFilter } from '../../flow/filter.ts';
import { compileTextRules, textRuleProperties, type TextRuleSets } from './text-rules.ts';
import {
  checkVerdict,
  compileVerdict,
  type VerdictParameters,
  verdictProperties,
} from './denial.ts';

interface ContextFilterParameters extends VerdictParameters, TextRuleSets {
  readonly context: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

const values = { type: 'array', items: { type: 'string' } } as const;

export default defineFilter<ContextFilterParameters>({
  name: 'context_filter',
  summary: 'Lets requests through by a value of their context.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context'],
    properties: {
      context: {
        type: 'string',
        syntax: 'field',
        description: 'The value that is looked at; one that is not there is empty.',
        examples: ['_ctx.request.path'],
      },
      exclude: {
        ...values,
        description: 'Values that are not let through.',
        examples: [['/_shutdown']],
      },
      include: {
        ...values,
        description: 'The only values that are let through.',
        examples: [['GET', 'HEAD']],
      },
      ...textRuleProperties,
      ...verdictProperties,
    },
  },
  check: checkVerdict,
  create(parameters, services) {
    const { read, alike } = services.field(parameters.context);
    const excluded = new Set(parameters.exclude);
    const included = new Set(parameters.include);
    const followsRules = compileTextRules(parameters);
    const refuse = compileVerdict(parameters, services);

    return function contextFilter(context) {
      const text = textOf(read(context));
      const other = alike?.(context);
      const isIn = (list: ReadonlySet<string>): boolean =>
        list.has(text) || (other !== undefined && list.has(other));
      const isListed = !isIn(excluded) && (included.size === 0 || isIn(included));
      if (!isListed || !followsRules(text, other)) return refuse(context);
    };
  },
});
