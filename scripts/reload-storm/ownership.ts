/** Which process has accepted which connections: what a killed worker may take with it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';
import { signal, statOf } from './processes.ts';

export interface Killing {
  readonly pid: number;
  /** When it was killed, on the monotonic clock, ms. */
  readonly at: number;
  /** Client ports of the connections that it had accepted: the only ones that may suffer. */
  readonly ports: ReadonlySet<number>;
  /** How long it was stopped for the look at its connections, ms. */
  readonly stopped: number;
}

/**
 * Kills a worker the hard way. It is stopped first, so that it accepts nothing between the look at
 * its descriptors and its death: a connection still in an accept queue has no owner, and is none of
 * its. Null when it was gone already.
 */
export async function killWorker(pid: number, port: number): Promise<Killing | null> {
  const stoppedAt = now();
  signal(pid, 'SIGSTOP');
  for (let state = statOf(pid)?.state; state !== 'T'; state = statOf(pid)?.state) {
    if (state === undefined || state === 'Z' || now() - stoppedAt > 1000) {
      signal(pid, 'SIGCONT');
      return null;
    }
    await sleep(0);
  }
  const ports = acceptedBy(pid, port);
  const at = now();
  signal(pid, 'SIGKILL');
  return { pid, at, ports, stopped: at - stoppedAt };
}

/** Client ports of the IPv4 connections to `port` that the process holds. */
export function acceptedBy(pid: number, port: number): Set<number> {
  const inodes = new Set<string>();
  for (const descriptor of descriptorsOf(pid)) {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`)) ?? [];
    if (inode) inodes.add(inode);
  }
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ports = new Set<number>();
  if (inodes.size === 0) return ports;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, from = '', to = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (from.endsWith(local) && state !== LISTEN && inodes.has(inode)) {
      ports.add(Number.parseInt(to.slice(-4), 16));
    }
  }
  return ports;
}

const LISTEN = '0A';

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
