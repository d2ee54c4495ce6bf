import type { JsonSchema } from '../../config/schema/json-schema.ts';
import { parseAssignment } from '../../context/template.ts';
import type { Template } from '../../context/template.ts';
import type { FilterServices } from '../../flow/filter.ts';

/** Schema of a list of `name -> value`. */
export function assignmentsSchema(description: string, examples: readonly string[]): JsonSchema {
  return {
    type: 'array',
    minItems: 1,
    items: { type: 'string', syntax: 'assignment' },
    description: `${description} Each is "name -> value"; the value may hold templates.`,
    examples: [examples],
  };
}

/** Compiles such a list. */
export function compileAssignments(
  texts: readonly string[],
  { template }: FilterServices,
): readonly { readonly name: string; readonly value: Template }[] {
  return texts.map((text) => {
    const { name, value } = parseAssignment(text);
    return { name, value: template(value) };
  });
}
