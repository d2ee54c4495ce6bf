/** Which process has accepted which connections: what a killed worker may take with it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';
import { processes, signal, statOf } from './processes.ts';

export interface Killing {
  readonly pid: number;
  /** When it was killed, on the monotonic clock, ms. */
  readonly at: number;
  /** Client ports of the connections that it had accepted: the only ones that may suffer. */
  readonly ports: ReadonlySet<number>;
  /** How long it was stopped for the look at its connections, ms. */
  readonly stopped: number;
}

/** How long a process may take to stop, ms. */
const STOPPING = 10_000;

/**
 * Kills a worker the hard way. It is stopped first, so that it accepts nothing between the look at
 * its descriptors and its death: a connection still in an accept queue has no owner, and is none of
 * its. Null when it was gone already.
 */
export async function killWorker(pid: number, port: number): Promise<Killing | null> {
  const stoppedAt = now();
  signal(pid, 'SIGSTOP');
  for (let state = statOf(pid)?.state; state !== 'T'; state = statOf(pid)?.state) {
    if (state === undefined || state === 'Z' || now() - stoppedAt > STOPPING) {
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
  const inodes = inodesOf(pid);
  if (inodes.size === 0) return new Set();
  const own = serverSides(port).filter(({ inode }) => inodes.has(inode));
  return new Set(own.map(({ clientPort }) => clientPort));
}

/** Who has a connection that gets no answer, in words. */
export function whereabouts(clientPort: number, port: number): string {
  const side = serverSides(port).find((each) => each.clientPort === clientPort);
  if (!side) return 'no longer known to the kernel';
  const { state, queues, inode } = side;
  const what = `state ${state}, queues ${queues}`;
  if (inode === '0') return `not accepted by any process; ${what}`;
  const owners = processes().filter((pid) => inodesOf(pid).has(inode));
  return `held by ${owners.map((pid) => `${pid} (${titleOf(pid) || 'gone'})`).join(', ')}; ${what}`;
}

interface ServerSide {
  readonly clientPort: number;
  readonly state: string;
  /** Bytes not yet sent and not yet read, in hexadecimal. */
  readonly queues: string;
  /** `0` while no process has accepted it. */
  readonly inode: string;
}

/** The server's ends of all connections to the port. */
function serverSides(port: number): ServerSide[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sides: ServerSide[] = [];
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, from = '', to = '', state = '', queues = '', , , , , inode = ''] = line
      .trim()
      .split(/\s+/);
    if (!from.endsWith(local) || state === LISTEN) continue;
    sides.push({ clientPort: Number.parseInt(to.slice(-4), 16), state, queues, inode });
  }
  return sides;
}

const LISTEN = '0A';

/** The sockets that a process has open. */
function inodesOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const descriptor of descriptorsOf(pid)) {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`)) ?? [];
    if (inode) inodes.add(inode);
  }
  return inodes;
}

/** Empty when it has gone. */
export function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

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
