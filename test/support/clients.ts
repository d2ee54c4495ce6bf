/** Plain clients for tests: one request, and a client that never stops asking. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { TestContext } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly agent?: Agent | false;
}

/** One request, on a connection of its own unless an agent is given; fails after a minute. */
export function ask(url: string, options: Ask = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const secure = url.startsWith('https:');
  const outgoing = (secure ? secureRequest : request)(
    url,
    {
      ...(secure ? { rejectUnauthorized: false } : {}),
      method: options.method ?? 'GET',
      agent: options.agent ?? false,
      headers: { ...options.headers },
      timeout: 60_000,
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    },
  );
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${url} did not answer in a minute`)));
  outgoing.on('error', reject);
  outgoing.end(options.body);
  return promise;
}

/**
 * Clients that keep asking, some on kept-alive connections and some on new ones, without ever
 * repeating a request; `stop` answers how many were answered, and what went wrong.
 */
export class PersistentClients {
  answered = 0;
  readonly failures: string[] = [];
  #running = true;
  readonly #done: Promise<void>[];
  readonly #agent = new Agent({ keepAlive: true });

  constructor(t: TestContext, url: string, count: number, expect: (answer: Answer) => void) {
    this.#done = Array.from({ length: count }, (_, i) =>
      this.#keepAsking(url, i % 2 === 0 ? this.#agent : false, expect),
    );
    t.after(() => this.stop());
  }

  async stop(): Promise<this> {
    this.#running = false;
    await Promise.all(this.#done);
    this.#agent.destroy();
    return this;
  }

  /** Waits for `count` more answers. */
  async more(count: number): Promise<void> {
    const target = this.answered + count;
    await eventually(`${target} answers`, () => this.answered >= target, {
      seen: () => this.answered,
    });
  }

  async #keepAsking(
    url: string,
    agent: Agent | false,
    expect: (answer: Answer) => void,
  ): Promise<void> {
    while (this.#running) {
      try {
        expect(await ask(url, { agent }));
        this.answered += 1;
      } catch (error) {
        this.failures.push(String(error));
      }
      await sleep(2);
      // An end that has arrived meanwhile is seen before the next request, as by any careful client.
      await turn();
    }
  }
}
