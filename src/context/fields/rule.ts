import type { JsonType } from '../../config/schema/json-schema.ts';
import type { RequestContext } from '../../http/context.ts';
import type { Needs } from '../requirements.ts';

/** A value of the context by its name (`_ctx.request.path`), compiled. */
export interface Field {
  readonly name: string;
  /** What must be in memory before `read`. */
  readonly needs: Needs;
  /** The value, or undefined when it is not there. */
  readonly read: (context: RequestContext) => unknown;
  /**
   * Another spelling of the value that a node takes for the same one, or undefined. What decides by
   * the value heeds both. Null for a field whose values have one spelling.
   */
  readonly alike: ((context: RequestContext) => string | undefined) | null;
  /** Null when the field cannot be set. */
  readonly write: FieldWriter | null;
}

export interface FieldWriter {
  /** What must be in memory before `set`. */
  readonly needs: Needs;
  /** Undefined removes, where something can be removed. @throws REQUEST_MALFORMED for a bad value */
  readonly set: (context: RequestContext, value: unknown) => void;
  /** The value that a text of the configuration stands for there; the text when it is absent. */
  readonly fromText?: ((text: string) => unknown) | undefined;
}

/** What a table of fields says of one of them. */
export interface FieldRule {
  readonly read: (context: RequestContext) => unknown;
  readonly alike?: (context: RequestContext) => string | undefined;
  readonly needs?: Needs;
  readonly set?: (context: RequestContext, value: unknown) => void;
  readonly setNeeds?: Needs;
  readonly fromText?: (text: string) => unknown;
  /** The field of that name below this one, such as a header of `header`. */
  readonly below?: (rest: string) => FieldRule;
}

/** A field with what `evergate explain` says of it. */
export interface DocumentedRule extends FieldRule {
  readonly type: JsonType;
  readonly description: string;
}

export type FieldTable = Readonly<Record<string, DocumentedRule>>;
