/** The syntax of a text. */
export type TextSyntax =
  /** Text that may hold `$[[_ctx.request.path]]` and the like. */
  | 'template'
  /** Name of a context field or variable. */
  | 'field'
  /** Name of a context field or variable that can be set. */
  | 'settable-field'
  /** `name -> value`, where the value may hold templates. */
  | 'assignment'
  /** Regular expression of RE2. */
  | 'expression'
  /** IP address, CIDR block, or a name such as `private`. */
  | 'network'
  /** Pattern of paths, such as `/{index}/_search`. */
  | 'pattern';

/**
 * JSON Schema as we use it: the standard keywords that Ajv compiles, and a few of our own. The same
 * object validates, gives defaults and types to `evergate explain`, and feeds editors, so each
 * property carries its `description`.
 */
export interface JsonSchema {
  readonly type?: JsonType | readonly JsonType[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  /** Of the names in a map that is open. */
  readonly propertyNames?: JsonSchema;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];

  /** The value names one of these; unknown names are errors at the value's place. */
  readonly references?: 'router' | 'flow' | 'cluster';
  /** Name of a parameter beside this one: when that is true, unknown names are only a warning. */
  readonly forgivenBy?: string;
  /** `30s`, `500ms`, `1h30m`, or a bare number of seconds; becomes a number of milliseconds. */
  readonly duration?: true;
  /** `10mb`, `512kb`, or a bare number of bytes; becomes a number of bytes. */
  readonly bytes?: true;
  /** 0 means no limit, and so does -1, which becomes 0. */
  readonly noLimit?: true;
  /** The path of a file, relative to the configuration file that names it; becomes absolute. */
  readonly file?: FileUse;
  /** TLS settings for nodes: their files are read as a worker reads them. */
  readonly clientTls?: true;
  /** The value is a list of filters: each item names one filter, or is an if/then/else. */
  readonly filters?: true;
  /** Syntax of the text. */
  readonly syntax?: TextSyntax;
  /** The value holds a secret: never printed by any command, log or error. */
  readonly secret?: true;
  /** Documented and accepted, but without effect here: a warning with this text. */
  readonly unsupported?: string;
  /** Documented, but ignoring it would be unsafe: an error with this text. */
  readonly refused?: string;
}

/** Whether the file is read, so that a change of it is a change of the configuration, or written. */
export type FileUse = 'read' | 'written';

/** How lists mark a key that is known and not to be used; nothing for one that may be. */
export function markOf({ unsupported, refused }: JsonSchema): string | undefined {
  if (refused !== undefined || unsupported?.startsWith('is not supported')) return 'not supported';
  return unsupported === undefined ? undefined : 'no effect';
}

export type JsonType = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'null';
