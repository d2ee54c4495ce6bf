/** Asks for the version of the configuration, all the time, each time by a new connection. */
import { Client } from './client.ts';
import { now } from './clock.ts';
import type { Tally } from './tally.ts';
import { VERSION_PATH } from './targets/target.ts';

/** Answers in a row with the new version after which it counts as taken up. */
const SETTLED = 20;

/** How long workers that take no more connections may still accept what was queued for them, ms. */
const GRACE = 5000;

export interface Uptake {
  /** From the change to the first answer with the new version, ms. */
  readonly first: number;
  /** From the change to the last answer with an older version, ms; 0 when there was none. */
  readonly lastOld: number;
}

export class Prober {
  #running = true;
  #version = 0;
  /** When the version was first and an older one last answered. */
  #firstAt = 0;
  #lastOldAt = 0;
  #row = 0;
  /** The version that every worker is known to run, and since when. */
  #confirmed = { version: 0, at: 0 };
  readonly #client: Client;
  readonly #done: Promise<void>;

  /** `patience` as that of any client, ms. */
  constructor(port: number, tally: Tally, patience?: number) {
    this.#client = new Client('probe', 0, port, tally, () => this.#running, patience);
    this.#done = this.#probe();
  }

  /** Waits until the version is what new connections get, at most `patience` ms; null if not. */
  async until(version: number, since: number, patience: number): Promise<Uptake | null> {
    this.#version = version;
    this.#firstAt = 0;
    this.#lastOldAt = since;
    this.#row = 0;
    while (this.#row < SETTLED) {
      if (now() - since > patience) return null;
      await this.#client.think(5, 5);
    }
    return { first: this.#firstAt - since, lastOld: this.#lastOldAt - since };
  }

  /** Every worker runs this version: from now on an older one is a wrong answer. */
  confirm(version: number): void {
    this.#confirmed = { version, at: now() };
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #probe(): Promise<void> {
    while (this.#running) {
      const connection = await this.#client.connect();
      if (!connection) continue;
      const id = this.#client.nextId();
      await this.#client.ask(connection, {
        id,
        bytes: `GET ${VERSION_PATH} HTTP/1.1\r\nHost: storm\r\nX-Storm-Id: ${id}\r\nConnection: close\r\n\r\n`,
        check: ({ body }) => this.#look(body.toString().trim(), connection.openedAt),
      });
      connection.close();
      await this.#client.think(10, 20);
    }
  }

  #look(text: string, openedAt: number): string | null {
    if (!/^\d+$/.test(text)) return `not a version: ${text.slice(0, 80)}`;
    const answer = Number(text);
    const { version, at } = this.#confirmed;
    if (answer < version && openedAt - at > GRACE) {
      return `version ${answer}, asked for ${Math.round(openedAt - at)} ms after all had ${version}`;
    }
    if (answer >= this.#version) {
      if (this.#firstAt === 0) this.#firstAt = now();
      this.#row += 1;
    } else {
      this.#lastOldAt = now();
      this.#row = 0;
    }
    return null;
  }
}
