import { type Path, type Place, related } from '../problem.ts';
import { settleClientTls } from './client-tls.ts';
import { propertySchema } from './coerce.ts';
import { isBareNumber } from './units.ts';
import type { ReferenceKind, Scope } from './scope.ts';
import { didYouMean } from '../../suggest.ts';
import type { JsonSchema, TextSyntax } from '../schema/json-schema.ts';
import { keyPlaceAt, nodeAt, placeAt } from '../source/tree.ts';

/**
 * Follows the keywords that look beyond a value: what `references` name must exist, unless that is
 * `forgiven`, what is `unsupported` is warned of, and what is `refused` is an error. References by
 * `id` become names and paths of files become absolute, in place. `value` stands at `path`.
 */
export function checkAnnotations(
  schema: JsonSchema,
  value: unknown,
  path: Path,
  scope: Scope,
  forgiven = false,
): void {
  if (value === undefined || value === null) return;
  if (schema.refused !== undefined && !isOff(value)) {
    const message = `"${String(path.at(-1))}" ${schema.refused}`;
    scope.problems.error(keyPlaceAt(scope.root, path), path, message);
    return;
  }
  if (schema.unsupported !== undefined && !isOff(value)) {
    const message = `"${String(path.at(-1))}" ${schema.unsupported}`;
    scope.problems.warning(keyPlaceAt(scope.root, path), path, message);
    return;
  }
  if (schema.duration) warnOfBareNumber(path, scope);
  if (typeof value === 'string') {
    if (schema.references && !isTemplate(schema, value)) {
      checkReference(schema.references, value, path, scope, forgiven);
    }
    if (schema.syntax) checkSyntax(schema.syntax, value, path, placeAt(scope.root, path), scope);
  } else if (Array.isArray(value)) {
    const { items } = schema;
    if (items) {
      for (const [index, item] of (value as unknown[]).entries()) {
        const at = [...path, index];
        if (typeof item === 'string') value[index] = settled(items, item, at, scope);
        checkAnnotations(items, value[index], at, scope, forgiven);
      }
    }
  } else if (typeof value === 'object') {
    if (schema.propertyNames?.syntax) return checkNamed(schema, value, '', path, scope);
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, key];
      const property = propertySchema(schema, key);
      if (!property) continue;
      const { forgivenBy = '' } = property;
      const values = value as Record<string, unknown>;
      if (typeof inner === 'string') values[key] = settled(property, inner, at, scope);
      checkAnnotations(property, values[key], at, scope, values[forgivenBy] === true);
    }
    if (schema.clientTls) settleClientTls(value, path, scope);
  }
  for (const branch of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    checkAnnotations(branch, value, path, scope, forgiven);
  }
}

/** The text as the gateway uses it: an absolute path, or the name of what an `id` refers to. */
function settled(schema: JsonSchema, text: string, path: Path, scope: Scope): string {
  if (schema.references && !scope.names[schema.references].has(text)) {
    return scope.ids[schema.references].get(text) ?? text;
  }
  if (!schema.file || text === '') return text;
  const file = scope.absolutePath(text, placeAt(scope.root, path));
  if (schema.file === 'read') scope.watchFile(file);
  return file;
}

/** Above this many seconds a number without a unit may have been meant as milliseconds. */
const doubtfulSeconds = 300;

function warnOfBareNumber(path: Path, { root, problems }: Scope): void {
  const node = nodeAt(root, path);
  if (node?.kind !== 'scalar' || !isBareNumber(node.value)) return;
  if (Number(node.value) <= doubtfulSeconds || String(path.at(-1)).endsWith('_in_seconds')) return;
  const message = `${node.text} without a unit is ${node.text} seconds; write ${node.text}s, or ${node.text}ms if you mean milliseconds`;
  problems.warning(node.place, path, message);
}

/** A map whose keys are names; `a: { b: x }` means `a.b: x` if `a` alone is not a name. */
function checkNamed(
  schema: JsonSchema,
  map: object,
  prefix: string,
  path: Path,
  scope: Scope,
): void {
  const syntax = schema.propertyNames?.syntax as TextSyntax;
  for (const [key, value] of Object.entries(map)) {
    const at = [...path, key];
    const name = prefix + key;
    const message = scope.syntax.text(syntax, name);
    const property = propertySchema(schema, key);
    if (message === undefined) {
      if (property) checkAnnotations(property, value, at, scope);
    } else if (isMap(value)) checkNamed(schema, value, `${name}.`, at, scope);
    else scope.problems.error(keyPlaceAt(scope.root, at), at, message);
  }
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function checkSyntax(
  syntax: TextSyntax,
  text: string,
  path: Path,
  place: Place,
  scope: Scope,
): void {
  const message = scope.syntax.text(syntax, text);
  if (message !== undefined) scope.problems.error(place, path, message);
}

/** `false`, or a map with `enabled: false`: ignoring it changes nothing. */
function isOff(value: unknown): boolean {
  if (value === false) return true;
  return typeof value === 'object' && (value as { enabled?: unknown }).enabled === false;
}

/** A name that contains context fields can be looked up only for a request. */
function isTemplate(schema: JsonSchema, value: string): boolean {
  return schema.syntax === 'template' && value.includes('$[[');
}

function checkReference(
  kind: ReferenceKind,
  name: string,
  path: Path,
  scope: Scope,
  forgiven: boolean,
): void {
  const known = scope.names[kind];
  const found = known.get(name);
  const place = placeAt(scope.root, path);
  if (found && kind === 'flow' && path[0] === 'flow') scope.flowUses.push({ flow: name, path });
  if (!found) {
    const message = `there is no ${kind} "${name}"${hint(kind, name, scope)}`;
    if (forgiven) scope.problems.warning(place, path, message);
    else scope.problems.error(place, path, message);
  } else if (!found.enabled) {
    const message = `the ${kind} "${name}" is disabled: it has no nodes, and requests to it get 503`;
    scope.problems.warning(place, path, message, [related(found.place, `"${name}" is here`)]);
  }
}

function hint(kind: ReferenceKind, name: string, scope: Scope): string {
  const known = [...scope.names[kind].keys()];
  const meant = didYouMean(name, known);
  if (meant !== '') return meant;
  if (known.length === 0) return `; no ${kind} is defined`;
  const shown = known.slice(0, 8).map((one) => `"${one}"`);
  return `; there ${known.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${known.length > 8 ? ', …' : ''}`;
}
