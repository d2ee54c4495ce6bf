import cluster from 'node:cluster';

/**
 * Lets a worker of node:cluster outlive its primary: to be called when its channel has closed, in the
 * `disconnect` event of `cluster.worker`.
 *
 * Relies on: node:cluster ends the process after that event unless `exitedAfterDisconnect` is set, since
 * 7.8; documented as something to read. Without it an orphan would end at once, and so would its clients'
 * connections: nothing else is lost, so no start is refused for it.
 */
export function outlivePrimary(): void {
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
}
