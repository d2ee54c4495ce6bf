import type { EntryFiles } from '../../tls/credentials.ts';
import { normaliseApi, type RawApi } from '../sections/api.ts';
import { checkAnnotations } from './annotations.ts';
import { normaliseClusters } from '../sections/clusters.ts';
import { normaliseEntries } from '../sections/entries.ts';
import type { FilterTable } from '../../dialect.ts';
import { normaliseFilters } from '../sections/flows.ts';
import { type Place, type ProblemList, related } from '../problem.ts';
import { realise } from './coerce.ts';
import { normaliseRouters } from '../sections/routers.ts';
import { rootSchema } from '../schema/root.ts';
import { checkAgainst } from './ajv.ts';
import type { IdTable, NamedThing, NameTable, Scope } from './scope.ts';
import type { SyntaxChecks } from '../../dialect.ts';
import { checkOwnEndpoints } from './own-endpoints.ts';
import { checkCircles } from './flow-circles.ts';
import { childOf, keyPlaceAt, type MapNode, nodeAt, placeAt } from '../source/tree.ts';
import type {
  FlowConfig,
  GatewayConfig,
  LogLevel,
  PluginConfig,
  SupervisionConfig,
} from '../types.ts';

/** Where relative paths of the configuration begin. */
export interface PathRules {
  readonly absolutePath: (path: string, place: Place) => string;
  readonly defaultPath: (name: string) => string;
  /** A change of this file is a change of the configuration, too. */
  readonly watchFile: (path: string) => void;
}

export interface Validated {
  readonly config: GatewayConfig;
  /** Contents of the TLS files of the enabled entries, by entry. */
  readonly tlsFiles: ReadonlyMap<string, EntryFiles>;
}

/** The configuration as its schema leaves it; what has been reported may be of another type. */
interface RawConfig {
  entry?: unknown;
  router?: unknown;
  flow?: unknown;
  elasticsearch?: unknown;
  workers: number | 'auto';
  allow_multi_instance: boolean;
  max_num_of_instances: number;
  supervision: SupervisionConfig;
  api?: Partial<RawApi>;
  path: { data: string; logs: string; configs?: string };
  configs: { auto_reload: boolean };
  log: { level: LogLevel };
}

/**
 * Checks a whole configuration and reports everything that is wrong with it. The answer may be used
 * only when there was no error; it is frozen.
 */
export function validate(
  root: MapNode,
  filters: FilterTable,
  syntax: SyntaxChecks,
  rules: PathRules,
  problems: ProblemList,
  plugins: readonly PluginConfig[] = [],
): Validated {
  const names: NameTable = {
    router: namesOf(root, 'router', problems),
    flow: namesOf(root, 'flow', problems),
    cluster: namesOf(root, 'elasticsearch', problems),
  };
  const ids: IdTable = {
    router: idsOf(root, 'router'),
    flow: idsOf(root, 'flow'),
    cluster: idsOf(root, 'elasticsearch'),
  };
  namesOf(root, 'entry', problems);
  const tlsFiles = new Map<string, EntryFiles>();
  const lists = { flowUses: [], tlsFiles };
  const scope: Scope = { root, problems, filters, syntax, names, ids, ...lists, ...rules };
  const raw = (realise(root, rootSchema) ?? {}) as RawConfig;
  for (const misfit of checkAgainst(rootSchema, raw)) {
    const find = misfit.atKey ? keyPlaceAt : placeAt;
    problems.error(find(root, misfit.path), misfit.path, misfit.message);
  }
  requireDefaultRouters(listOf(raw.entry), scope);
  checkAnnotations(rootSchema, withoutDefaultRouters(raw, scope), [], scope);
  const entry = normaliseEntries(listOf(raw.entry), scope);
  const config = {
    entry,
    router: normaliseRouters(listOf(raw.router), scope),
    flow: normaliseFlows(listOf(raw.flow), scope),
    elasticsearch: normaliseClusters(listOf(raw.elasticsearch), scope),
    // A copy: all of it is frozen.
    plugins: [...plugins],
    workers: raw.workers,
    supervision: raw.supervision,
    ...(raw.allow_multi_instance && { instances: raw.max_num_of_instances }),
    api: normaliseApi(raw.api, entry, scope),
    path: normalisePaths(raw.path ?? {}, scope),
    configs: { auto_reload: raw.configs?.auto_reload },
    log: { level: raw.log?.level },
  };
  checkFlows(config.flow, scope);
  checkOwnEndpoints(entry, config.elasticsearch, config.flow, scope);
  requireEntry(config.entry.length, listOf(raw.entry), scope);
  return { config: freezeDeep(config), tlsFiles };
}

/** Names of a section, with a report of each that is there twice. */
function namesOf(root: MapNode, section: string, problems: ProblemList): Map<string, NamedThing> {
  const names = new Map<string, NamedThing>();
  const list = childOf(root, section);
  if (list?.kind !== 'list') return names;
  for (const [index, item] of list.items.entries()) {
    const name = childOf(item, 'name');
    if (name?.kind !== 'scalar' || name.value === null) continue;
    const before = names.get(name.text);
    if (before) {
      const message = `the name "${name.text}" is given twice; each ${section} needs its own`;
      const other = related(before.place, 'the first is here');
      problems.error(name.place, [section, index, 'name'], message, [other]);
      continue;
    }
    const enabled = childOf(item, 'enabled');
    const off = enabled?.kind === 'scalar' && (enabled.value === false || enabled.text === 'false');
    names.set(name.text, { place: name.place, enabled: section !== 'elasticsearch' || !off });
  }
  return names;
}

function idsOf(root: MapNode, section: string): Map<string, string> {
  const ids = new Map<string, string>();
  const list = childOf(root, section);
  for (const item of list?.kind === 'list' ? list.items : []) {
    const [id, name] = [childOf(item, 'id'), childOf(item, 'name')];
    if (id?.kind === 'scalar' && name?.kind === 'scalar') ids.set(id.text, name.text);
  }
  return ids;
}

/** An entry that names no router needs the router "default". */
function requireDefaultRouters(entries: readonly unknown[], scope: Scope): void {
  if (scope.names.router.has('default')) return;
  for (const index of entries.keys()) {
    const path = ['entry', index];
    if (
      nodeAt(scope.root, [...path, 'router']) ||
      childOf(childOf(scope.root, 'entry'), index)?.kind !== 'map'
    )
      continue;
    const message =
      'the entry names no router and there is no router "default"; set "router", or define that one';
    scope.problems.error(placeAt(scope.root, path), [...path, 'router'], message);
  }
}

/** The same without those references that nobody wrote. */
function withoutDefaultRouters(raw: RawConfig, { root }: Scope): unknown {
  if (!Array.isArray(raw.entry)) return raw;
  const entry = (raw.entry as unknown[]).map((value, index) => {
    if (nodeAt(root, ['entry', index, 'router'])) return value;
    return typeof value === 'object' ? { ...value, router: undefined } : value;
  });
  return { ...raw, entry };
}

function requireEntry(enabled: number, all: readonly unknown[], { root, problems }: Scope): void {
  // A value that is not an entry has been reported.
  if (enabled > 0 || all.some((entry) => typeof entry !== 'object' || entry === null)) return;
  const section = root.entries.get('entry');
  // A value that is not a list has been reported.
  const { value } = section ?? {};
  if (value && value.kind !== 'list' && !(value.kind === 'scalar' && value.value === null)) return;
  const message =
    all.length > 0
      ? 'every entry is disabled; the gateway needs one to listen'
      : 'there is no entry; the gateway needs one to listen, such as "entry: [{ name: main, router: main }]"';
  problems.error(section?.place ?? root.place, ['entry'], message);
}

function normaliseFlows(values: readonly unknown[], scope: Scope): FlowConfig[] {
  return values.map((value, index) => {
    const path = ['flow', index, 'filter'];
    const filter = normaliseFilters(nodeAt(scope.root, path), path, scope);
    const { name = '', body_limits, unreadable_json } = (value ?? {}) as Partial<FlowConfig>;
    return {
      name,
      ...(body_limits && { body_limits }),
      ...(unreadable_json && { unreadable_json }),
      filter,
    };
  });
}

function checkFlows(flows: readonly FlowConfig[], scope: Scope): void {
  const { root, problems, flowUses } = scope;
  checkCircles(
    flowUses,
    flows.map(({ name }) => name),
    scope,
  );
  for (const [index, { name, filter }] of flows.entries()) {
    const written = nodeAt(root, ['flow', index, 'filter']);
    if (filter.length > 0 || (written?.kind === 'list' && written.items.length > 0)) continue;
    const message = `the flow "${name}" has no filter: a request that passes no other flow gets 404`;
    problems.warning(placeAt(root, ['flow', index]), ['flow', index], message);
  }
}

function normalisePaths(raw: Partial<RawConfig['path']>, scope: Scope): GatewayConfig['path'] {
  const folder = (key: 'data' | 'logs' | 'configs'): string | null => {
    const node = nodeAt(scope.root, ['path', key]);
    const value = raw[key];
    if (typeof value !== 'string') return null;
    return node ? scope.absolutePath(value, node.place) : scope.defaultPath(value);
  };
  return { data: folder('data') ?? '', logs: folder('logs') ?? '', configs: folder('configs') };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Freezes a value and everything in it. */
function freezeDeep<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freezeDeep(inner);
  return value;
}
