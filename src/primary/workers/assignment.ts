import type { WorkerAssignment } from '../../ipc/messages.ts';
import type { ClusterObservation } from '../../ipc/cluster-state.ts';
import { version } from '../../package.ts';
import { type Generation, slotsOf } from '../generation.ts';
import type { AssignedSocket } from '../sockets/listeners.ts';
import { beatInterval } from './heartbeats.ts';
import { ownOutputOfWorkers } from './spawner.ts';

/** State of the pool that a new worker begins with. */
export interface PoolState {
  /** Keys of TLS session tickets, the newest first. */
  readonly ticketKeys: Uint8Array;
  readonly observations: readonly ClusterObservation[];
}

/** The first message to a worker; its sockets follow. */
export function assignmentFor(
  slot: number,
  generation: Generation,
  sockets: readonly AssignedSocket[],
  { ticketKeys, observations }: PoolState,
): WorkerAssignment {
  const { number, config, credentials } = generation;
  const { heartbeat_timeout: heartbeatTimeout } = config.supervision;
  return {
    version,
    slot,
    workers: slotsOf(generation),
    generation: number,
    config,
    credentials: credentials.entries,
    ticketKeys,
    handles: sockets.reduce((sum, { handles }) => sum + handles, 0),
    observations,
    ownOutput: ownOutputOfWorkers(),
    beatMs: heartbeatTimeout === 0 ? 0 : beatInterval(heartbeatTimeout),
  };
}
