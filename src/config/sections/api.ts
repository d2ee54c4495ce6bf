import { collide, isThisMachine, renderAddress } from './address.ts';
import { addressPath, listeningAddress, publishedAddress, type RawNetwork } from './entries.ts';
import { related } from '../problem.ts';
import type { Scope } from '../validation/scope.ts';
import { childOf, keyPlaceAt, nodeAt, type Node, placeAt } from '../source/tree.ts';
import type { ApiConfig, EntryConfig } from '../types.ts';

/** `api` as its schema leaves it. */
export interface RawApi {
  readonly enabled: boolean;
  readonly network: RawNetwork;
  readonly security: {
    readonly enabled: boolean;
    readonly username?: string;
    readonly password?: string;
  };
}

/** The API, or null when there is none; it is checked in any case. */
export function normaliseApi(
  raw: Partial<RawApi> | undefined,
  entries: readonly EntryConfig[],
  scope: Scope,
): ApiConfig | null {
  const path = ['api', 'network'];
  const { enabled, network, security } = raw ?? {};
  if (!network || !security || typeof security !== 'object') return null;
  const { host, port } = listeningAddress(network, path, scope);
  const config: ApiConfig = {
    network: {
      host,
      port,
      publish: publishedAddress(network, path, scope),
      reuse_port: false,
      skip_occupied_port: network.skip_occupied_port,
    },
    security: securityOf(security, scope),
  };
  if (enabled !== true) {
    if (nodeAt(scope.root, ['api']) && !nodeAt(scope.root, ['api', 'enabled'])) {
      const message =
        'the API is off unless "enabled" is true (INFINI Gateway has it on, at 0.0.0.0:2900)';
      scope.problems.warning(keyPlaceAt(scope.root, ['api']), ['api'], message);
    }
    return null;
  }
  if (!security.enabled) checkReach(config, scope);
  checkCollision(config, entries, scope);
  return config;
}

function securityOf(given: RawApi['security'], { root, problems }: Scope): ApiConfig['security'] {
  if (!given.enabled) return null;
  const { username, password } = given;
  for (const needed of ['username', 'password'] as const) {
    if (given[needed] !== undefined) continue;
    const message = `"security" needs a "${needed}"`;
    problems.error(placeAt(root, ['api', 'security']), ['api', 'security', needed], message);
  }
  return username && password ? { username, password } : null;
}

/** A client of the API could stop the gateway; without a password it serves little to other machines. */
function checkReach({ network }: ApiConfig, { root, problems }: Scope): void {
  if (isThisMachine(network.host)) return;
  const at = addressPath(['api'], root);
  const message = `${renderAddress(network)} can be reached from other machines: without "api.security" the API answers there with metrics and probes only`;
  problems.warning(placeAt(root, at), at, message);
}

function checkCollision(
  { network }: ApiConfig,
  entries: readonly EntryConfig[],
  { root, problems }: Scope,
): void {
  const taken = entries.find((entry) => collide(entry.network, network));
  if (!taken || network.skip_occupied_port) return;
  const list = childOf(root, 'entry');
  const items = list?.kind === 'list' ? list.items : [];
  const index = items.findIndex((item) => nameOf(item) === taken.name);
  const at = addressPath(['api'], root);
  const message = `${renderAddress(network)} is taken: entry "${taken.name}" listens on ${renderAddress(taken.network)}`;
  problems.error(placeAt(root, at), at, message, [
    related(placeAt(root, addressPath(['entry', index], root)), `entry "${taken.name}" is here`),
  ]);
}

function nameOf(item: Node): string | null {
  const name = childOf(item, 'name');
  return name?.kind === 'scalar' ? name.text : null;
}
