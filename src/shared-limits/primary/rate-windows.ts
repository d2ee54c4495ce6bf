import { type LimitSpec, type LimitToWorker, sharedNow } from '../messages.ts';

/** How the pool speaks to one worker. */
export interface LimitHolder {
  readonly generation: { readonly number: number };
  send(message: LimitToWorker): void;
}

interface Wish {
  readonly holder: LimitHolder;
  readonly need: number;
  readonly want: number;
}

/** What is left of one limit for one key. */
interface Bucket {
  readonly key: string;
  spec: LimitSpec;
  /** Of the configuration that `spec` is from. */
  generation: number;
  window: number;
  until: number;
  left: number;
  /** Workers that may have something unspent. */
  readonly lent: Set<LimitHolder>;
  /** Those among them that were asked for it, and have not answered. */
  readonly recalled: Set<LimitHolder>;
  wishes: Wish[];
}

/** How often buckets are looked for that are full again, ms. */
const sweepEvery = 1000;

/**
 * Keeps limits exact over all workers. What may be spent in an interval lies here, and workers take
 * shares in advance that grow with what they spend. A wish is refused only when every other worker
 * has given back what it has not spent.
 */
export class Limits {
  readonly #buckets = new Map<string, Bucket>();
  readonly #holders = new Set<LimitHolder>();
  /** Those that do not respond now: nobody waits for what they have not spent. */
  readonly #absent = new Set<LimitHolder>();
  #sweeper: NodeJS.Timeout | null = null;

  add(holder: LimitHolder): void {
    this.#holders.add(holder);
  }

  /** The worker no longer responds, or does so again. */
  setAbsent(holder: LimitHolder, isAbsent: boolean): void {
    if (!isAbsent) {
      this.#absent.delete(holder);
      return;
    }
    this.#absent.add(holder);
    for (const bucket of this.#buckets.values()) {
      if (bucket.recalled.delete(holder)) this.#serve(bucket);
    }
  }

  /** The worker is gone, and with it what it had not spent. */
  remove(holder: LimitHolder): void {
    this.#holders.delete(holder);
    this.#absent.delete(holder);
    for (const bucket of this.#buckets.values()) {
      bucket.wishes = bucket.wishes.filter((wish) => wish.holder !== holder);
      bucket.lent.delete(holder);
      if (bucket.recalled.delete(holder)) this.#serve(bucket);
    }
  }

  wanted(holder: LimitHolder, spec: LimitSpec, key: string, need: number, want: number): void {
    const bucket = this.#bucket(spec, key, holder.generation.number);
    // Who asks has nothing.
    bucket.lent.delete(holder);
    bucket.wishes.push({ holder, need, want });
    this.#serve(bucket);
  }

  returned(holder: LimitHolder, id: string, key: string, window: number, count: number): void {
    const bucket = this.#buckets.get(nameOf(id, key));
    if (!bucket) return;
    if (bucket.window === window) {
      bucket.left += count;
      bucket.lent.delete(holder);
    }
    if (bucket.recalled.delete(holder)) this.#serve(bucket);
  }

  /** Buckets that are not full, for status and tests. */
  get size(): number {
    return this.#buckets.size;
  }

  #bucket(spec: LimitSpec, key: string, generation: number): Bucket {
    const name = nameOf(spec.id, key);
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = {
        key,
        spec,
        generation,
        window: 0,
        until: 0,
        left: spec.most,
        lent: new Set(),
        recalled: new Set(),
        wishes: [],
      };
      this.#buckets.set(name, bucket);
      this.#sweeper ??= setInterval(() => this.#sweep(), sweepEvery).unref();
    } else if (generation > bucket.generation) {
      // The limit has changed; what was spent of it counts.
      bucket.left += spec.most - bucket.spec.most;
      bucket.spec = spec;
      bucket.generation = generation;
    }
    return bucket;
  }

  #serve(bucket: Bucket): void {
    const now = sharedNow();
    if (now >= bucket.until) renew(bucket, now);
    const { recalled, lent } = bucket;
    while (bucket.wishes.length > 0) {
      const { holder, need, want } = bucket.wishes[0] as Wish;
      if (bucket.left < need) {
        if (recalled.size === 0 && lent.size > 0) this.#recall(bucket);
        if (recalled.size > 0) return;
      }
      bucket.wishes.shift();
      // Nobody gets more than a fair part of what is left, so that little needs to be recalled.
      const fair = Math.ceil(bucket.left / (2 * Math.max(1, this.#holders.size)));
      const count = bucket.left < need ? 0 : Math.max(need, Math.min(want, fair));
      bucket.left -= count;
      if (count > 0) lent.add(holder);
      const { spec, key, window, until } = bucket;
      holder.send({ type: 'limit-granted', id: spec.id, key, count, window, until });
    }
  }

  #recall(bucket: Bucket): void {
    const { lent, recalled, spec, key } = bucket;
    for (const holder of lent) if (!this.#absent.has(holder)) recalled.add(holder);
    lent.clear();
    for (const holder of recalled) holder.send({ type: 'limit-recalled', id: spec.id, key });
  }

  /** Forgets the buckets that would be full if somebody asked. */
  #sweep(): void {
    const now = sharedNow();
    for (const [name, { spec, until, left, wishes, recalled }] of this.#buckets) {
      if (wishes.length > 0 || recalled.size > 0) continue;
      const intervals = Math.ceil(Math.max(0, spec.most - left) / spec.max);
      if (now >= until + Math.max(0, intervals - 1) * spec.interval) this.#buckets.delete(name);
    }
    if (this.#buckets.size > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }
}

/** A new interval: what was not spent is added, up to `most`. */
function renew(bucket: Bucket, now: number): void {
  const { spec } = bucket;
  const passed = bucket.until === 0 ? Infinity : 1 + (now - bucket.until) / spec.interval;
  const left = Math.max(0, bucket.left);
  bucket.left = Math.min(spec.most, left + Math.floor(passed) * spec.max);
  bucket.window++;
  bucket.until = now + spec.interval;
  bucket.lent.clear();
}

function nameOf(id: string, key: string): string {
  return `${id}\0${key}`;
}
