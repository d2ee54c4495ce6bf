import type { ElasticsearchConfig } from '../../config/types.ts';
import type { QuotaKey, QuotaKind, ToWorker } from '../../ipc/messages.ts';

/** How the pool speaks to one worker. */
export interface QuotaHolder {
  send(message: ToWorker): void;
}

interface Wish {
  readonly holder: QuotaHolder;
  readonly count: number;
}

/** Time's worth of tokens that may be saved up while nobody takes any, s. */
const saved = 1;

/** What may be spent at one node: so many tokens a second. */
class Bucket {
  rate: number;
  tokens: number;
  wishes: Wish[] = [];
  timer: NodeJS.Timeout | null = null;
  #filledAt = performance.now();

  constructor(rate: number) {
    this.rate = rate;
    this.tokens = this.#most;
  }

  fill(): void {
    const now = performance.now();
    const more = ((now - this.#filledAt) / 1000) * this.rate;
    this.tokens = Math.min(this.tokens + more, this.#most);
    this.#filledAt = now;
  }

  get #most(): number {
    return Math.max(1, this.rate * saved);
  }
}

/**
 * Keeps limits by the second exact over all workers: tokens come into being here, and workers get
 * them in small batches. A wish is answered as soon as there are tokens, in order.
 */
export class Quotas {
  readonly #rates = new Map<string, Readonly<Record<QuotaKind, number>>>();
  readonly #buckets = new Map<string, { readonly key: QuotaKey; readonly bucket: Bucket }>();

  /** Takes the limits of a configuration. */
  setLimits(clusters: readonly ElasticsearchConfig[]): void {
    this.#rates.clear();
    for (const { name, traffic_control: limits } of clusters) {
      if (limits === null) continue;
      const { max_qps_per_node, max_bytes_per_node } = limits;
      this.#rates.set(name, { requests: max_qps_per_node, bytes: max_bytes_per_node });
    }
    for (const { key, bucket } of this.#buckets.values()) {
      const rate = this.#rateOf(key);
      if (rate > 0) bucket.rate = rate;
    }
  }

  /** The worker is gone. */
  remove(holder: QuotaHolder): void {
    for (const { bucket } of this.#buckets.values()) {
      bucket.wishes = bucket.wishes.filter((wish) => wish.holder !== holder);
    }
  }

  wanted(holder: QuotaHolder, key: QuotaKey, count: number): void {
    const rate = this.#rateOf(key);
    if (rate === 0) {
      // A configuration that is no more, or limits nothing now: its worker drains.
      holder.send({ type: 'quota-granted', key, count });
      return;
    }
    const id = `${key.kind} ${key.cluster} ${key.node}`;
    let known = this.#buckets.get(id);
    if (known === undefined) this.#buckets.set(id, (known = { key, bucket: new Bucket(rate) }));
    known.bucket.wishes.push({ holder, count });
    this.#serve(known.bucket, key);
  }

  #rateOf({ cluster, kind }: QuotaKey): number {
    return this.#rates.get(cluster)?.[kind] ?? 0;
  }

  #serve(bucket: Bucket, key: QuotaKey): void {
    if (bucket.timer !== null) return;
    bucket.fill();
    while (bucket.wishes.length > 0 && bucket.tokens >= 1) {
      const { holder, count } = bucket.wishes.shift() as Wish;
      // Bytes of one request may be more than are ever there at a time: they are owed, then.
      const granted =
        key.kind === 'bytes' ? count : Math.min(count, Math.max(1, Math.floor(bucket.tokens)));
      bucket.tokens -= granted;
      holder.send({ type: 'quota-granted', key, count: granted });
    }
    if (bucket.wishes.length === 0) return;
    const wait = Math.ceil(((1 - bucket.tokens) / bucket.rate) * 1000);
    bucket.timer = setTimeout(() => {
      bucket.timer = null;
      this.#serve(bucket, key);
    }, wait);
    bucket.timer.unref();
  }
}
