/**
 * What permits are for: connections of clients at an entry, or those of one client address at it, or
 * connections to one node of a cluster.
 */
export type PermitSubject =
  | { readonly entry: string; readonly address: string | null }
  | { readonly cluster: string; readonly node: string };

/** No name of an entry holds either. */
const separator = '\0';
const clusterMark = '\u0001';

export function addressPermitName(entry: string, address: string): string {
  return `${entry}${separator}${address}`;
}

export function nodePermitName(cluster: string, node: string): string {
  return `${clusterPermitName(cluster)}${separator}${node}`;
}

/** Under which the limit of each node of the cluster stands. */
export function clusterPermitName(cluster: string): string {
  return `${clusterMark}${cluster}`;
}

/** Permits of a part, such as a client address, stand under the name of the whole, too. */
export function permitOwner(name: string): { readonly owner: string; readonly isPart: boolean } {
  const at = name.indexOf(separator);
  return at < 0 ? { owner: name, isPart: false } : { owner: name.slice(0, at), isPart: true };
}

export function permitSubject(name: string): PermitSubject {
  const { owner, isPart } = permitOwner(name);
  const part = isPart ? name.slice(owner.length + 1) : null;
  if (!owner.startsWith(clusterMark)) return { entry: owner, address: part };
  return { cluster: owner.slice(1), node: part ?? '' };
}
