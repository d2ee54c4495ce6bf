import type { ControlAnswer } from './client.ts';
import type { ControlRoutes } from './server.ts';
import type { Generation } from '../generation.ts';
import { metricsType, renderMetrics } from '../status/metrics.ts';
import type { ReloadRecord } from '../reload/record.ts';
import type { GatewayStatus } from '../status/types.ts';

/** What a gateway does when it is asked. */
export interface GatewayActions {
  /** Null until the first generation serves. */
  running(): Generation | null;
  /** Why clients should not be sent here; null when they should. */
  whyNotReady(): string | null;
  /** Why the gateway should be started anew; null when it should not. */
  whyNotHealthy(): string | null;
  status(running: Generation): Promise<GatewayStatus>;
  reload(trigger: 'control' | 'files'): Promise<ControlAnswer>;
  upgrade(): Promise<ControlAnswer>;
  stop(): Promise<void>;
}

/** What the control socket and the API answer. */
export function gatewayRoutes(actions: GatewayActions): ControlRoutes {
  const whenRunning =
    (act: (generation: Generation) => Promise<ControlAnswer>): (() => Promise<ControlAnswer>) =>
    () => {
      const generation = actions.running();
      if (generation) return act(generation);
      return Promise.resolve({ status: 503, body: { error: 'the gateway is starting' } });
    };
  const ok = (body: unknown): ControlAnswer => ({ status: 200, body });
  const probe = (trouble: string | null, well: string): ControlAnswer =>
    trouble === null ? ok(`${well}\n`) : { status: 503, body: `${trouble}\n` };
  return {
    'GET /pid': () => ok({ pid: process.pid }),
    'GET /status': whenRunning(async (generation) => ok(await actions.status(generation))),
    'GET /metrics': whenRunning(async (generation) => ({
      ...ok(renderMetrics(await actions.status(generation))),
      headers: { 'content-type': metricsType },
    })),
    // Liveness: this process is able to answer, and to get workers. A gateway that drains lives.
    'GET /healthz': () => probe(actions.whyNotHealthy(), 'ok'),
    'GET /readyz': () => probe(actions.whyNotReady(), 'ready'),
    'POST /reload': whenRunning(() => actions.reload('control')),
    'POST /reload-if-changed': whenRunning(() => actions.reload('files')),
    'POST /upgrade': whenRunning(() => actions.upgrade()),
    'POST /stop': async () => {
      await actions.stop();
      return ok({ pid: process.pid });
    },
  };
}

/** A change as it is answered. */
export function toAnswer(record: ReloadRecord): ControlAnswer {
  return { status: record.result === 'done' ? 200 : 409, body: record };
}
