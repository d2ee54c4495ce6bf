import type { HeaderList } from './header-list.ts';

/** Fields that are true of the bytes of one body alone. */
const ofBytes = [
  'Content-MD5',
  'Content-Digest',
  'Repr-Digest',
  'Digest',
  'Accept-Ranges',
] as const;

/** The body has changed: takes back what the fields say of the bytes that it had. */
export function takeBackValidators(headers: HeaderList): void {
  for (const name of ofBytes) headers.remove(name);
  const tag = headers.get('etag');
  // What it means is the same, or nearly; its bytes are not.
  if (tag !== undefined && !tag.startsWith('W/')) headers.set('ETag', `W/${tag}`);
}
