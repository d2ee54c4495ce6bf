import { Expression } from '../../context/expression.ts';
import { compileField } from '../../context/fields/compile.ts';
import { textOf } from '../../context/value.ts';
import { defineFilter } from '../../flow/filter.ts';
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

interface PathLimiterParameters extends LimiterParameters {
  readonly rules: readonly PathRule[];
}

interface PathRule extends Allowance {
  readonly pattern: string;
  readonly group: string;
  readonly max_qps?: number;
}

const path = compileField('_ctx.request.path');

export default defineFilter<PathLimiterParameters>({
  name: 'request_path_limiter',
  summary: 'Limits how much passes by the path, such as for each index.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['rules'],
    properties: {
      rules: {
        type: 'array',
        minItems: 1,
        description:
          'The limits. The first rule counts whose pattern is found in the path, with something in its group.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['pattern', 'group'],
          description: 'One limit.',
          properties: {
            pattern: {
              type: 'string',
              syntax: 'expression',
              description: 'Regular expression with a named group.',
              examples: ['/(?P<index_name>.*?)/_search'],
            },
            group: {
              type: 'string',
              description: 'Name of the group; requests for which it is the same count together.',
              examples: ['index_name'],
            },
            max_qps: {
              type: 'integer',
              minimum: 1,
              description: 'Another name for `max_requests`.',
              examples: [100],
            },
            message: {
              type: 'string',
              description: 'Text that a request over this limit is refused with.',
              unsupported: 'has no effect here; give "message" beside "rules"',
            },
            ...allowanceProperties,
          },
        },
      },
      ...limiterProperties,
      action: { ...limiterProperties['action'], default: 'drop' },
    },
  },
  check(parameters) {
    const problems = checkInterval(parameters);
    for (const [index, rule] of parameters.rules.entries()) {
      problems.push(...checkAllowance(allowanceOf(rule), ['rules', index]));
      const { groupNames } = new Expression(rule.pattern);
      if (groupNames.includes(rule.group)) continue;
      const message = `"${rule.pattern}" has no group called "${rule.group}", like (?P<${rule.group}>…)`;
      problems.push({ path: ['rules', index, 'group'], message });
    }
    return problems;
  },
  create(parameters, services) {
    const rules = parameters.rules.map((rule, index) => ({
      expression: new Expression(rule.pattern),
      group: rule.group,
      allowing: openAllowance(allowanceOf(rule), parameters.interval, services, `${index}.`),
    }));
    const limit = compileLimiter(parameters, services);

    return function requestPathLimiter(context) {
      const text = textOf(path.read(context));
      // With the slash at the end a rule could be slipped past, or a key counted for another one.
      const alike = path.alike?.(context);
      for (const { expression, group, allowing } of rules) {
        const short = alike === undefined ? undefined : expression.groups(alike)?.[group];
        const key = short || expression.groups(text)?.[group];
        if (key) return limit(context, key, allowing);
      }
    };
  },
});

function allowanceOf({ max_qps, ...rule }: PathRule): Allowance {
  if (max_qps === undefined) return rule;
  return { ...rule, max_requests: rule.max_requests ?? max_qps };
}
