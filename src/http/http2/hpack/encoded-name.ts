import { isToken } from '../../headers/syntax.ts';
import { staticTable } from './table.ts';

/** How fields of one name are written. */
export const Policy = {
  /** Into the table when the same value is met again. */
  indexed: 0,
  /** Never into the table, because the next value is another one. */
  literal: 1,
  /** As a secret: nobody on the way may put it into a table either (RFC 7541, 7.1.3). */
  secret: 2,
  /** Not at all: it has no meaning in HTTP/2. */
  dropped: 3,
} as const;

/** A name as somebody gives it, in any case, and how HTTP/2 writes it. */
export interface EncodedName {
  /** In lower case. */
  readonly text: string;
  /** Index in the static table; 0 when it is not there. */
  readonly index: number;
  readonly policy: number;
  /** The value that was written last on any connection. */
  lastValue: string;
}

const policies: Readonly<Record<string, number>> = {
  age: Policy.literal,
  'content-length': Policy.literal,
  'content-range': Policy.literal,
  etag: Policy.literal,
  expires: Policy.literal,
  'if-modified-since': Policy.literal,
  'if-none-match': Policy.literal,
  'last-modified': Policy.literal,
  location: Policy.literal,
  authorization: Policy.secret,
  cookie: Policy.secret,
  'proxy-authorization': Policy.secret,
  'set-cookie': Policy.secret,
  'x-api-key': Policy.secret,
  connection: Policy.dropped,
  'http2-settings': Policy.dropped,
  'keep-alive': Policy.dropped,
  'proxy-connection': Policy.dropped,
  'transfer-encoding': Policy.dropped,
  upgrade: Policy.dropped,
};

const staticIndices = new Map<string, number>();
for (const [place, { name }] of staticTable.entries()) {
  if (!staticIndices.has(name.text)) staticIndices.set(name.text, place + 1);
}

/** Names kept; more than real messages have. */
const maxKnown = 1024;
const longestKnown = 64;
const known = new Map<string, EncodedName>();

/** @throws TypeError for what is no name of a field */
export function encodedName(name: string): EncodedName {
  const found = known.get(name);
  if (found !== undefined) return found;
  if (!isToken(name)) {
    throw new TypeError(`field ${JSON.stringify(name)} holds an illegal character`);
  }
  const text = name.toLowerCase();
  const policy = Object.hasOwn(policies, text) ? (policies[text] as number) : Policy.indexed;
  const encoded = { text, index: staticIndices.get(text) ?? 0, policy, lastValue: '' };
  if (known.size < maxKnown && name.length <= longestKnown) known.set(name, encoded);
  return encoded;
}
