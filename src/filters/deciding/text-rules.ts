import type { JsonSchema } from '../../config/schema/json-schema.ts';
import { Expression } from '../../context/expression.ts';

/** Ways to say what a text is like; each is a list. */
export interface TextRules {
  readonly prefix?: readonly string[];
  readonly contain?: readonly string[];
  readonly suffix?: readonly string[];
  readonly wildcard?: readonly string[];
  readonly regex?: readonly string[];
}

export interface TextRuleSets {
  readonly must?: TextRules;
  readonly must_not?: TextRules;
  readonly should?: TextRules;
}

/** The three sets of rules as parameters of a filter. */
export const textRuleProperties: Readonly<Record<string, JsonSchema>> = {
  must: rulesSchema('Rules that must all be true of a text that is let through.'),
  must_not: rulesSchema('Rules of which none may be true.'),
  should: rulesSchema(
    'Rules of which at least one must be true; where there are rules below must or must_not, these decide alone.',
  ),
};

function rulesSchema(description: string): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    description,
    properties: {
      prefix: textsSchema('How the text begins.', '/medcl'),
      contain: textsSchema('What is in the text.', '_search'),
      suffix: textsSchema('How the text ends.', '_count'),
      wildcard: textsSchema(
        'The whole text; * stands for anything, ? for one character.',
        '/*/_doc',
      ),
      regex: {
        ...textsSchema('Regular expressions for a part of the text.', '^/m[\\w]+dcl'),
        items: { type: 'string', syntax: 'expression' },
      },
    },
  };
}

function textsSchema(description: string, example: string): JsonSchema {
  return { type: 'array', items: { type: 'string' }, description, examples: [[example]] };
}

/**
 * Compiles whether a text is let through by the three sets. A rule is true of a text that has another
 * spelling when it is true of either.
 */
export function compileTextRules(sets: TextRuleSets): (text: string, alike?: string) => boolean {
  const must = testsOf(sets.must);
  const mustNot = testsOf(sets.must_not);
  const should = must.length + mustNot.length > 0 ? [] : testsOf(sets.should);
  return (text, alike) => {
    const isTrue = (test: (text: string) => boolean): boolean =>
      test(text) || (alike !== undefined && test(alike));
    return (
      must.every(isTrue) && !mustNot.some(isTrue) && (should.length === 0 || should.some(isTrue))
    );
  };
}

function testsOf(rules: TextRules = {}): ((text: string) => boolean)[] {
  const { prefix = [], contain = [], suffix = [], wildcard = [], regex = [] } = rules;
  const expressions = [...wildcard.map(wildcardSource), ...regex].map(
    (source) => new Expression(source),
  );
  return [
    ...prefix.map((start) => (text: string) => text.startsWith(start)),
    ...contain.map((part) => (text: string) => text.includes(part)),
    ...suffix.map((end) => (text: string) => text.endsWith(end)),
    ...expressions.map((expression) => (text: string) => expression.test(text)),
  ];
}

function wildcardSource(pattern: string): string {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return `(?s)^${source}$`;
}
