import { dirname } from 'node:path';
import { GatewayError } from '../../errors.ts';
import { createLog } from '../../log.ts';
import { requestControl } from '../../primary/control/client.ts';
import type { ReloadRecord } from '../../primary/reload/record.ts';
import { orphansIn } from '../../primary/orphans/worker-record.ts';
import { renderStatus } from '../output/outline.ts';

/** Reloads the configuration of the gateway and waits for the result. */
export async function reload(socketPath: string): Promise<void> {
  const body = await change(socketPath, '/reload', 'reload');
  const generation = (body as { generation?: unknown } | null)?.generation;
  const number = typeof generation === 'number' ? `: generation ${generation}` : '';
  console.log(`reloaded${number}`);
}

/** Replaces the running program with the installed one and waits for the result. */
export async function upgrade(socketPath: string): Promise<void> {
  await change(socketPath, '/upgrade', 'upgrade');
  const body = (await ask(socketPath, 'GET', '/status')) as { pid?: number; version?: string };
  console.log(`upgraded: version ${body.version} runs as process ${body.pid}`);
}

/** Stops the gateway and waits for its end; without a primary, stops the workers that are left. */
export async function stop(socketPath: string): Promise<void> {
  try {
    await ask(socketPath, 'POST', '/stop');
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'NOT_RUNNING') throw error;
    const orphans = orphansIn(dirname(socketPath));
    if (orphans.count === 0) throw error;
    await orphans.release(createLog('warn'));
    await orphans.gone();
  }
  console.log('stopped');
}

export async function status(socketPath: string, asJson: boolean): Promise<void> {
  const body = await ask(socketPath, 'GET', '/status');
  console.log(asJson ? JSON.stringify(body, null, 2) : renderStatus(body));
}

/** Requests a change and waits for it. @throws CHANGE_REFUSED with all reasons */
async function change(socketPath: string, path: string, what: string): Promise<unknown> {
  const { status: code, body } = await requestControl(socketPath, 'POST', path);
  if (code < 400) return body;
  const { result, problems = [] } = (body ?? {}) as Partial<ReloadRecord>;
  if (!result) throw new GatewayError('CONTROL_FAILED', { reason: refusalOf(body, code) });
  const outcome = result.replace('-', ' ');
  throw new GatewayError('CHANGE_REFUSED', { what, outcome, problems: problems.join('\n') });
}

/** @throws NOT_RUNNING, or CONTROL_FAILED with the error that the gateway reports */
async function ask(socketPath: string, method: 'GET' | 'POST', path: string): Promise<unknown> {
  const { status: code, body } = await requestControl(socketPath, method, path);
  if (code < 400) return body;
  throw new GatewayError('CONTROL_FAILED', { reason: refusalOf(body, code) });
}

function refusalOf(body: unknown, code: number): string {
  const answer = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const { error } = answer;
  return typeof error === 'string' ? error : `the gateway responded with ${code}`;
}
