import { javaNumberOf } from './java-number.ts';

/**
 * A context value as text, which is how values meet each other in conditions and templates: text as
 * it is, nothing as '', lists and objects as JSON, everything else as JavaScript writes it.
 */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') return JSON.stringify(value);
  return `${value as number}`;
}

/** The value that a text stands for in a JSON body: JSON, or else the text itself. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A context value as a number: also text that is one; NaN for everything else. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}

/** The same for comparing: also text that a node of Elasticsearch takes for a number. */
export function comparableNumberOf(value: unknown): number {
  const number = numberOf(value);
  return Number.isNaN(number) && typeof value === 'string' ? javaNumberOf(value) : number;
}
