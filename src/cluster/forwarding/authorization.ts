/** Value of Authorization for a user; null for none. */
export function authorizationOf(
  user: { readonly username: string; readonly password: string } | null,
): string | null {
  if (user === null) return null;
  return `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
}
