import type { ElasticsearchConfig, GatewayConfig } from '../config/types.ts';
import type { ToPrimary, ToWorker } from '../ipc/messages.ts';
import { permitOwner } from '../shared-limits/lease-key.ts';
import type { LimitSpec, LimitToPrimary } from '../shared-limits/messages.ts';
import { Limits } from '../shared-limits/primary/rate-windows.ts';
import { permitLimits } from '../shared-limits/primary/slot-limits.ts';
import { Quotas } from '../shared-limits/primary/token-buckets.ts';

/** What is wanted of a limit by time. */
export type RateWish = Extract<ToPrimary, { type: 'limit-wanted' | 'quota-wanted' }>;

/**
 * This worker's part of every limit that otherwise holds over all workers, for as long as there is no
 * primary to share it out: one of so many workers has that part of it, and at least 1.
 */
export class LocalShares {
  readonly #config: GatewayConfig;
  readonly #workers: number;
  readonly #answer: (message: ToWorker) => void;
  #keeper: { readonly limits: Limits; readonly quotas: Quotas } | null = null;
  #permits: ReadonlyMap<string, number> | null = null;

  constructor(config: GatewayConfig, workers: number, answer: (message: ToWorker) => void) {
    this.#config = config;
    this.#workers = workers;
    this.#answer = answer;
  }

  /** Permits of that name that this worker may have. */
  permits(name: string): number {
    this.#permits ??= permitShares(this.#config, this.#workers);
    return this.#permits.get(shareName(name)) ?? Infinity;
  }

  wanted(message: RateWish): void {
    const { limits, quotas } = this.#keepers;
    if (message.type === 'quota-wanted') {
      quotas.wanted(this, message.key, message.count);
      return;
    }
    const { spec, key, need, want } = message;
    limits.wanted(this, partOf(spec, this.#workers), key, need, want);
  }

  /** Whether it was lent here. */
  returned(message: LimitToPrimary & { type: 'limit-returned' }): boolean {
    if (message.window >= 0) return false;
    const { id, key, window, count } = message;
    this.#keepers.limits.returned(this, id, key, -window, count);
    return true;
  }

  readonly generation = { number: 0 };

  send(message: ToWorker): void {
    // Windows are numbered so that the primary's are told from these.
    const own =
      message.type === 'limit-granted' ? { ...message, window: -message.window } : message;
    setImmediate(() => this.#answer(own));
  }

  get #keepers(): { readonly limits: Limits; readonly quotas: Quotas } {
    if (this.#keeper) return this.#keeper;
    const keeper = { limits: new Limits(), quotas: new Quotas() };
    keeper.limits.add(this);
    keeper.quotas.setLimits(
      this.#config.elasticsearch.map((cluster) => partOfCluster(cluster, this.#workers)),
    );
    this.#keeper = keeper;
    return keeper;
  }
}

function permitShares(config: GatewayConfig, workers: number): Map<string, number> {
  const shares = new Map<string, number>();
  for (const { name, max_concurrency, max_each } of permitLimits(config)) {
    if (max_concurrency !== undefined) shares.set(name, Math.ceil(max_concurrency / workers));
    if (max_each) shares.set(`${name}\0`, Math.ceil(max_each / workers));
  }
  return shares;
}

/** All parts of one owner have the same share. */
function shareName(name: string): string {
  const { owner, isPart } = permitOwner(name);
  return isPart ? `${owner}\0` : owner;
}

function partOf(spec: LimitSpec, workers: number): LimitSpec {
  return { ...spec, max: Math.ceil(spec.max / workers), most: Math.ceil(spec.most / workers) };
}

function partOfCluster(cluster: ElasticsearchConfig, workers: number): ElasticsearchConfig {
  const { traffic_control: limits } = cluster;
  if (limits === null) return cluster;
  const { max_qps_per_node, max_bytes_per_node } = limits;
  return {
    ...cluster,
    traffic_control: {
      ...limits,
      max_qps_per_node: Math.ceil(max_qps_per_node / workers),
      max_bytes_per_node: Math.ceil(max_bytes_per_node / workers),
    },
  };
}
