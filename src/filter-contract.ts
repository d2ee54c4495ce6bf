import type { JsonSchema } from './config/schema/json-schema.ts';

/** What the configuration needs to know of a kind of filter. */
export interface FilterDefinitionLike {
  readonly name: string;
  /** One sentence for `evergate explain`. */
  readonly summary: string;
  readonly schema: JsonSchema;
  /** What the schema cannot express, with paths below the parameters. */
  check?(parameters: never): { path: (string | number)[]; message: string }[];
}

export type FilterTable = ReadonlyMap<string, FilterDefinitionLike>;

export function filterTable(filters: readonly FilterDefinitionLike[]): FilterTable {
  return new Map(filters.map((filter) => [filter.name, filter]));
}
