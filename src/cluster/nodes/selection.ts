import type { Member } from './membership.ts';
import { nodeName } from './node.ts';

/** What is left out, and what alone is taken; an empty list says nothing. */
export interface Choice<Value> {
  readonly include?: readonly Value[] | undefined;
  readonly exclude?: readonly Value[] | undefined;
}

/** Which nodes of a cluster are used. Of each kind of condition that includes, one must be met. */
export interface NodeFilter {
  /** `host:port`. */
  readonly hosts?: Choice<string> | undefined;
  readonly roles?: Choice<string> | undefined;
  /** Attributes that a node has, all of one map. */
  readonly tags?: Choice<Readonly<Record<string, unknown>>> | undefined;
}

/**
 * How a member may be used. Where it cannot be told, since the cluster was not asked yet or the
 * address leads to no node in particular, it is a reserve; and so is a configured one that lacks a
 * wanted role or tag, or else a filter that no node meets would route to nothing.
 */
export function useOf(member: Member, filter: NodeFilter): 'use' | 'reserve' | 'never' {
  const { hosts, roles, tags } = filter;
  const { identity } = member;
  const name = nodeName(member.origin);
  if (!passes(hosts, (host) => host === name)) return 'never';
  if (identity === null) {
    return member.reserve || says(roles) || says(tags) ? 'reserve' : 'use';
  }
  const hasRole = (role: string): boolean => identity.roles.includes(role);
  const hasTag = (tag: Readonly<Record<string, unknown>>): boolean =>
    Object.entries(tag).every(([key, value]) => identity.attributes[key] === String(value));
  if (roles?.exclude?.some(hasRole) || tags?.exclude?.some(hasTag)) return 'never';
  if (passes(roles, hasRole) && passes(tags, hasTag)) return 'use';
  return member.seed ? 'reserve' : 'never';
}

function passes<Value>(choice: Choice<Value> | undefined, matches: (value: Value) => boolean) {
  if (choice?.exclude?.some(matches)) return false;
  const { include = [] } = choice ?? {};
  return include.length === 0 || include.some(matches);
}

function says(choice: Choice<unknown> | undefined): boolean {
  return (choice?.include?.length ?? 0) + (choice?.exclude?.length ?? 0) > 0;
}
