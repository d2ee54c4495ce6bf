import { readFile } from 'node:fs/promises';

const tables = ['/proc/net/tcp', '/proc/net/tcp6'];

/**
 * Bytes that the system still holds for each TCP connection's other end, by the socket's inode: sent
 * and not acknowledged, or not sent. Empty where the system does not tell.
 */
export async function readSendQueues(): Promise<ReadonlyMap<number, number>> {
  const queues = new Map<number, number>();
  for (const text of await Promise.all(tables.map(readTable))) {
    for (const line of text.split('\n')) {
      const [, , , , queue, , , , , inode] = line.trim().split(/ +/);
      if (queue !== undefined && inode !== undefined) {
        queues.set(Number(inode), Number.parseInt(queue, 16));
      }
    }
  }
  return queues;
}

function readTable(path: string): Promise<string> {
  return readFile(path, 'latin1').catch(() => '');
}
