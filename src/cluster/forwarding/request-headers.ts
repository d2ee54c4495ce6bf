import { fieldLine } from '../../http/headers/raw-lines.ts';
import { isNamed } from '../../http/headers/syntax.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';
import { namedByConnection, staysHere } from '../../http/headers/hop-by-hop.ts';

/**
 * The fields of a request that go to a node, all but Host: those that do not concern the client's
 * connection alone, in their order, as a flat array.
 * @param authorization value of Authorization if the client sent none
 */
export function requestFields(raw: readonly string[], authorization: string | null): string[] {
  const named = namedByConnection(raw);
  const fields: string[] = [];
  let authorized = authorization === null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (staysHere(name) || named?.has(name.toLowerCase())) continue;
    if (!authorized && isNamed(name, 'authorization')) authorized = true;
    fields.push(name, raw[i + 1] as string);
  }
  if (!authorized) fields.push('Authorization', authorization as string);
  return fields;
}

/** The same as lines, where they came as lines; null where not. */
export function requestLines(headers: HeaderList, authorization: string | null): string | null {
  const { passed } = headers;
  if (passed === null || authorization === null || headers.has('authorization')) return passed;
  return passed + fieldLine('Authorization', authorization);
}
