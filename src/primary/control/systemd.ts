import { execFile } from 'node:child_process';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';

/** It answers at once, or is not there; nothing waits longer for it. ms */
const PATIENCE = 5000;

/**
 * Tells systemd how the service is, where it asks to be told (Type=notify): by its own program, for
 * Node.js has no sockets of that kind. systemd hears it with NotifyAccess=all.
 */
export class Supervisor {
  readonly #log: Log;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Settles when it knows. */
  ready(generation: number): Promise<void> {
    return this.#tell('READY=1', `STATUS=serving generation ${generation}`);
  }

  /** With Type=notify-reload, systemd waits for the `ready` after it. */
  reloading(): void {
    const now = process.hrtime.bigint() / 1000n;
    void this.#tell('RELOADING=1', `MONOTONIC_USEC=${now}`);
  }

  stopping(): void {
    void this.#tell('STOPPING=1', 'STATUS=finishing connections');
  }

  /** At half of WatchdogSec tells that the gateway serves, for as long as it does. */
  watch(serves: () => boolean): void {
    const everyMs = Number(process.env['WATCHDOG_USEC']) / 1000 / 2;
    if (!(everyMs > 0)) return;
    this.#watchdog = setInterval(() => {
      if (serves()) void this.#tell('WATCHDOG=1');
    }, everyMs);
    this.#watchdog.unref();
  }

  /** The watchdog is another process's, or nobody's, from now on. */
  close(): void {
    clearInterval(this.#watchdog);
  }

  /** @param news as in sd_notify(3) */
  async #tell(...news: string[]): Promise<void> {
    if (!process.env['NOTIFY_SOCKET']) return;
    // The process that systemd started may have left its place to this one.
    const args = [`--pid=${process.pid}`, ...news];
    const { promise, resolve } = Promise.withResolvers<void>();
    execFile('systemd-notify', args, { timeout: PATIENCE }, (error) => {
      if (error) this.#log.warn(`systemd was not told ${news[0]}: ${reasonOf(error)}`);
      resolve();
    });
    await promise;
  }
}
