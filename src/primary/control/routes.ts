import type { ControlAnswer } from './client.ts';
import type { ControlRoutes } from './server.ts';
import type { Generation } from '../generation.ts';
import { metricsType, renderMetrics } from '../status/metrics.ts';
import type { ReloadRecord } from '../reload/record.ts';
import type { GatewayStatus } from '../status/types.ts';

/** The gateway, as far as the control socket and the API concern it. */
export interface ControlledGateway {
  /** Null until the first generation serves. */
  readonly running: Generation | null;
  /** Why clients should not be sent here; null when they should. */
  whyNotReady(): string | null;
  /** Why the gateway should be restarted; null when it should not. */
  whyNotHealthy(): string | null;
  status(running: Generation): Promise<GatewayStatus>;
  reload(trigger: 'control' | 'files'): Promise<ControlAnswer>;
  upgrade(): Promise<ControlAnswer>;
  stop(): Promise<void>;
}

/** The requests that the control socket and the API answer. */
export function gatewayRoutes(gateway: ControlledGateway): ControlRoutes {
  const whenRunning =
    (act: (generation: Generation) => Promise<ControlAnswer>): (() => Promise<ControlAnswer>) =>
    () => {
      const generation = gateway.running;
      if (generation) return act(generation);
      return Promise.resolve({ status: 503, body: { error: 'the gateway is starting' } });
    };
  const ok = (body: unknown): ControlAnswer => ({ status: 200, body });
  const probe = (trouble: string | null, well: string): ControlAnswer =>
    trouble === null ? ok(`${well}\n`) : { status: 503, body: `${trouble}\n` };
  return {
    'GET /pid': () => ok({ pid: process.pid }),
    'GET /status': whenRunning(async (generation) => ok(await gateway.status(generation))),
    'GET /metrics': whenRunning(async (generation) => ({
      ...ok(renderMetrics(await gateway.status(generation))),
      headers: { 'content-type': metricsType },
    })),
    // Liveness: this process answers, and is able to start workers. A gateway that drains is alive.
    'GET /healthz': () => probe(gateway.whyNotHealthy(), 'ok'),
    'GET /readyz': () => probe(gateway.whyNotReady(), 'ready'),
    'POST /reload': whenRunning(() => gateway.reload('control')),
    'POST /reload-if-changed': whenRunning(() => gateway.reload('files')),
    'POST /upgrade': whenRunning(() => gateway.upgrade()),
    'POST /stop': async () => {
      await gateway.stop();
      return ok({ pid: process.pid });
    },
  };
}

/** The response to a request for a change. */
export function toAnswer(record: ReloadRecord): ControlAnswer {
  return { status: record.result === 'done' ? 200 : 409, body: record };
}
