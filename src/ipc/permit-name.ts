/** What permits are for: an entry's connections, or those of one client address at it. */
export interface PermitSubject {
  readonly entry: string;
  readonly address: string | null;
}

/** No name of an entry holds it. */
const separator = '\0';

export function addressPermitName(entry: string, address: string): string {
  return `${entry}${separator}${address}`;
}

export function permitSubject(name: string): PermitSubject {
  const at = name.indexOf(separator);
  if (at < 0) return { entry: name, address: null };
  return { entry: name.slice(0, at), address: name.slice(at + separator.length) };
}
