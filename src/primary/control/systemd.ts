import { execFile } from 'node:child_process';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';

/** systemd-notify ends at once; nothing waits longer for it. */
const notifyTimeoutMs = 5000;

/**
 * Reports the state of the service to systemd (Type=notify). It runs systemd's own program, because
 * Node.js has no datagram sockets in the unix domain; systemd accepts that with NotifyAccess=all.
 */
export class Systemd {
  readonly #log: Log;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Settles when systemd has been notified. */
  ready(generation: number): Promise<void> {
    return this.#notify('READY=1', `STATUS=serving generation ${generation}`);
  }

  /** With Type=notify-reload, systemd waits for the `ready` after it. */
  reloading(): void {
    const now = process.hrtime.bigint() / 1000n;
    void this.#notify('RELOADING=1', `MONOTONIC_USEC=${now}`);
  }

  stopping(): void {
    void this.#notify('STOPPING=1', 'STATUS=finishing connections');
  }

  /** Notifies the watchdog twice per WatchdogSec, for as long as the gateway serves. */
  watch(serves: () => boolean): void {
    const everyMs = Number(process.env['WATCHDOG_USEC']) / 1000 / 2;
    if (!(everyMs > 0)) return;
    this.#watchdog = setInterval(() => {
      if (serves()) void this.#notify('WATCHDOG=1');
    }, everyMs);
    this.#watchdog.unref();
  }

  /** Leaves the watchdog to another process, if there is one. */
  close(): void {
    clearInterval(this.#watchdog);
  }

  /** @param assignments as in sd_notify(3) */
  async #notify(...assignments: string[]): Promise<void> {
    if (!process.env['NOTIFY_SOCKET']) return;
    // This process may have replaced the one that systemd started.
    const args = [`--pid=${process.pid}`, ...assignments];
    const { promise, resolve } = Promise.withResolvers<void>();
    execFile('systemd-notify', args, { timeout: notifyTimeoutMs }, (error) => {
      if (error)
        this.#log.warn(`systemd was not notified of ${assignments[0]}: ${reasonOf(error)}`);
      resolve();
    });
    await promise;
  }
}
