import { execFile } from 'node:child_process';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';

/** It answers at once, or is not there; nothing waits longer for it. ms */
const PATIENCE = 5000;

/**
 * Tells systemd how the service is, where it asks to be told (Type=notify). By its own program, for
 * Node.js has no sockets of that kind; systemd hears it with NotifyAccess=all. Settles when it knows.
 */
export async function tellSupervisor(news: 'READY=1' | 'STOPPING=1', log: Log): Promise<void> {
  if (!process.env['NOTIFY_SOCKET']) return;
  // The process that systemd started may have left its place to this one.
  const args = [`--pid=${process.pid}`, news];
  const { promise, resolve } = Promise.withResolvers<void>();
  execFile('systemd-notify', args, { timeout: PATIENCE }, (error) => {
    if (error) log.warn(`systemd was not told ${news}: ${reasonOf(error)}`);
    resolve();
  });
  await promise;
}
