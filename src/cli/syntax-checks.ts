import type { SyntaxChecks } from '../dialect.ts';
import type { TextSyntax } from '../config/schema/json-schema.ts';
import { checkAssignment } from '../context/template.ts';
import { Expression } from '../context/expression.ts';
import { compileField, compileWriter } from '../context/fields/compile.ts';
import { compileNetworks } from '../context/networks.ts';
import { compileTemplate } from '../context/template.ts';
import { GatewayError } from '../errors.ts';
import { parsePatterns, shapeOf } from '../router/pattern.ts';
import { checkCondition } from '../flow/conditions/condition.ts';

const compilers: Readonly<Record<TextSyntax, (text: string) => unknown>> = {
  template: compileTemplate,
  field: compileField,
  'settable-field': compileWriter,
  assignment: checkAssignment,
  expression: (text) => new Expression(text),
  network: (text) => compileNetworks([text]),
  pattern: parsePatterns,
};

/** Checks for validation: whether a worker can compile a text or condition. */
export const syntax: SyntaxChecks = {
  text(kind, text) {
    try {
      compilers[kind](text);
      return undefined;
    } catch (error) {
      if (error instanceof GatewayError) return error.message;
      if (error instanceof SyntaxError) return `bad pattern: ${error.message}`;
      throw error;
    }
  },
  patternShapes(pattern) {
    try {
      return parsePatterns(pattern).map(shapeOf);
    } catch {
      // `text` describes the error.
      return [];
    }
  },
  condition: checkCondition,
};
