/** What is done to a target while clients use it, and whether it took effect. */
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';
import { acceptedBy, type Killing, killWorker } from './ownership.ts';
import type { Prober, Uptake } from './prober.ts';
import type { Target } from './targets/target.ts';

export const disturbanceKinds = [
  'signal',
  'edit',
  'api',
  'kill',
  'kill-all',
  'workers',
  'burst',
  'kill-reload',
  'restart',
  'kill-primary',
  'upgrade',
] as const;

export type DisturbanceKind = (typeof disturbanceKinds)[number];

/** What each is, for the help text. */
export const disturbanceHelp: Record<DisturbanceKind, string> = {
  signal: "reload by the target's signal (evergate, nginx: HUP; HAProxy: USR2; caddy reload)",
  edit: 'edit the configuration; a target that does not watch it is told by its signal',
  api: 'reload by the control API',
  kill: 'kill -9 of a worker',
  'kill-all': 'kill -9 of all workers at once',
  workers: 'change the number of workers',
  burst: 'five edits and signals within a moment',
  'kill-reload': 'kill -9 of a worker in the middle of a reload',
  restart: 'start a second program on the same address, then end the first (reuse_port)',
  'kill-primary': 'kill -9 of the primary alone, and a new start within a second',
  upgrade: 'replace the whole program',
};

export interface DisturbanceRecord {
  readonly kind: DisturbanceKind;
  /** On the monotonic clock, ms. */
  readonly at: number;
  /** Until it had taken effect, ms. */
  readonly took: number;
  readonly uptake: Uptake | null;
  readonly killings: readonly Killing[];
  /** What did not happen that should have; null when all is well. */
  readonly problem: string | null;
}

/** How long a disturbance may take until it has taken effect, ms: on a slow machine, quite long. */
const PATIENCE = 180_000;
/** Targets that do not tell how far they are have lost what they have not done by then, ms. */
const SILENT_PATIENCE = 10_000;

type Outcome = Partial<Pick<DisturbanceRecord, 'uptake' | 'killings' | 'problem'>>;

export class Disturber {
  readonly #target: Target;
  readonly #prober: Prober;
  readonly #port: number;
  readonly #workers: number;
  #version: number;
  #resized = 0;

  constructor(target: Target, prober: Prober, port: number, workers: number, version: number) {
    this.#target = target;
    this.#prober = prober;
    this.#port = port;
    this.#workers = workers;
    this.#version = version;
  }

  /** Why this target cannot be disturbed so; null when it can. */
  lacks(kind: DisturbanceKind): string | null {
    const { name, workers, resizable, reloadByApi, upgrade, restart, killPrimary } = this.#target;
    switch (kind) {
      case 'signal':
      case 'edit':
      case 'burst':
        return null;
      case 'api':
        return reloadByApi ? null : `${name} has no other API for it than its reload`;
      case 'kill':
      case 'kill-all':
      case 'kill-reload':
        return workers ? null : `${name} has no worker that it would replace`;
      case 'workers':
        return resizable ? null : `${name} has no number of workers to change`;
      case 'restart':
        return restart ? null : `${name} cannot share its address with another here`;
      case 'kill-primary':
        return killPrimary ? null : `${name} has no primary whose death is known here`;
      case 'upgrade':
      default:
        return upgrade ? null : `${name} has no upgrade that is known here`;
    }
  }

  /** Causes one disturbance and waits until it has taken effect. */
  async cause(kind: DisturbanceKind): Promise<DisturbanceRecord> {
    const at = now();
    let outcome: Outcome;
    try {
      outcome = await this.#do(kind, at);
    } catch (error) {
      outcome = { problem: (error as Error).message };
    }
    return { kind, at, took: now() - at, uptake: null, killings: [], problem: null, ...outcome };
  }

  async #do(kind: DisturbanceKind, at: number): Promise<Outcome> {
    switch (kind) {
      case 'signal':
        return this.#tell(() => this.#target.reload(), at);
      case 'api':
        return this.#tell(() => this.#target.reloadByApi?.() ?? Promise.resolve(), at);
      case 'edit':
        return this.#edit(at);
      case 'workers':
        this.#resized += 1;
        return this.#edit(at);
      case 'burst':
        for (let i = 0; i < 4; i += 1) {
          // Its signal may make it read in the middle of the next edit.
          this.#save(true);
          await this.#target.reload();
          await sleep(Math.random() * 40);
        }
        return this.#edit(at, true);
      case 'kill':
        return this.#kill('one');
      case 'kill-all':
        return this.#kill('all');
      case 'kill-reload': {
        const editing = this.#edit(at);
        // It may fail while nobody waits for it yet.
        editing.catch(() => {});
        await sleep(Math.random() * 600);
        const killed = await this.#kill('one', true);
        return { ...killed, ...(await editing) };
      }
      case 'restart':
        this.#version += 1;
        await this.#target.restart?.({ version: this.#version, workers: this.#count });
        return this.#taken(at);
      case 'kill-primary':
        await this.#target.killPrimary?.();
        return this.#edit(at);
      case 'upgrade':
      default:
        await this.#target.upgrade?.();
        // What took over must also do what the one before it did.
        return this.#edit(at);
    }
  }

  #save(atomically: boolean): void {
    this.#version += 1;
    this.#target.save({ version: this.#version, workers: this.#count }, atomically);
  }

  async #edit(since: number, atomically = false): Promise<Outcome> {
    this.#save(atomically);
    if (!this.#target.watchesFile) await this.#target.reload();
    return this.#taken(since);
  }

  async #taken(since: number): Promise<Outcome> {
    const patience = this.#target.generation ? PATIENCE : SILENT_PATIENCE;
    const uptake = await this.#prober.until(this.#version, since, patience);
    if (!uptake) return { problem: `version ${this.#version} was not taken up` };
    if (!(await this.#settled(since))) return { uptake, problem: 'some workers were not replaced' };
    this.#prober.confirm(this.#version);
    return { uptake };
  }

  /** A reload asked for in words: seen by the target's own count, or by a change of the version. */
  async #tell(say: () => Promise<void>, since: number): Promise<Outcome> {
    const { generation } = this.#target;
    if (!generation) {
      this.#save(false);
      await say();
      return this.#taken(since);
    }
    const before = await generation();
    await say();
    while ((await generation()) <= before) {
      if (now() - since > PATIENCE) return { problem: `generation ${before} is still there` };
      await sleep(20);
    }
    return {};
  }

  /** Kills one or all of the workers that serve, and waits until there are enough again. */
  async #kill(which: 'one' | 'all', reloading = false): Promise<Outcome> {
    const list = (): number[] => this.#target.workers?.() ?? [];
    const began = now();
    let workers = list();
    let killings = await this.#killSome(which, workers);
    // For a moment there may be none that has a client, as just after all were killed.
    while (killings.length === 0) {
      if (now() - began > PATIENCE) return { problem: 'no worker to kill' };
      await sleep(20);
      workers = list();
      killings = await this.#killSome(which, workers);
    }
    const killed = new Set(killings.map(({ pid }) => pid));
    const since = now();
    // Their replacements; a target that does not tell has at least that many processes.
    const others = (): number[] => list().filter((pid) => !killed.has(pid));
    while (others().length < this.#count && !others().some((pid) => !workers.includes(pid))) {
      if (now() - since > PATIENCE) return { killings, problem: 'no worker came instead' };
      await sleep(10);
    }
    // A reload under way is waited for by who asked for it.
    if (!reloading && !(await this.#settled(since))) {
      return { killings, problem: 'some workers were not replaced' };
    }
    return { killings };
  }

  async #killSome(which: 'one' | 'all', workers: readonly number[]): Promise<Killing[]> {
    // A worker that is still starting takes no client with it, but its reload. The more connections a
    // worker has, the likelier it is the one.
    const victims = workers
      .map((pid) => ({ pid, chance: Math.random() * acceptedBy(pid, this.#port).size }))
      .filter(({ chance }) => chance > 0)
      .sort((a, b) => b.chance - a.chance)
      .map(({ pid }) => pid);
    if (which === 'all') {
      const all = await Promise.all(victims.map((victim) => killWorker(victim, this.#port)));
      return all.filter((killing) => killing !== null);
    }
    // A draining one may be gone before it is killed.
    for (const victim of victims) {
      const killing = await killWorker(victim, this.#port);
      if (killing) return [killing];
    }
    return [];
  }

  /** Waits until every worker serves by the newest configuration, as far as the target tells. */
  async #settled(since: number): Promise<boolean> {
    const { settled } = this.#target;
    while (settled && !(await settled(this.#count))) {
      if (now() - since > PATIENCE) return false;
      await sleep(20);
    }
    return true;
  }

  /** Workers that the configuration asks for now: one more, one less, and as at first, in turn. */
  get #count(): number {
    return Math.max(1, this.#workers + ([0, 1, -1][this.#resized % 3] ?? 0));
  }
}
