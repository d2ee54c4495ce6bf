import { GatewayError } from '../errors.ts';
import { compileTemplate } from './template.ts';

/** `name -> value`. */
export interface Assignment {
  readonly name: string;
  /** May hold templates. */
  readonly value: string;
}

/** Reads `name -> value`. @throws PARAMETER_INVALID */
export function parseAssignment(text: string): Assignment {
  const arrow = text.indexOf('->');
  const name = text.slice(0, Math.max(arrow, 0)).trim();
  if (name === '' || /\s/.test(name)) {
    throw new GatewayError('PARAMETER_INVALID', {
      reason: `expected "name -> value", got "${text}"`,
    });
  }
  return { name, value: text.slice(arrow + 2).trim() };
}

/** What is wrong with an assignment is thrown. @throws PARAMETER_INVALID */
export function checkAssignment(text: string): void {
  compileTemplate(parseAssignment(text).value);
}
