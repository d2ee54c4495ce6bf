/** User name and password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What a Basic `Authorization` field says, or undefined when it is none. */
export function parseBasicAuth(field: string | undefined): Credentials | undefined {
  const encoded = field && /^Basic +([\w+/=-]+) *$/i.exec(field)?.[1];
  if (!encoded) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Value of an `Authorization` field. */
export function basicAuth({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
