import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { GatewayError, reasonOf } from '../../errors.ts';
import { withShortPath } from '../instance/data-folder.ts';
import { request } from '../../runtime/modules/builtins.ts';

export interface ControlAnswer {
  readonly status: number;
  /** Parsed JSON, or text. */
  readonly body: unknown;
  /** More header fields. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends a request to the gateway that listens on a control socket. Waits without limit: a reload is
 * answered when its outcome is known.
 * @throws NOT_RUNNING when nobody listens there, CONTROL_FAILED when the answer broke off
 */
export async function requestControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<ControlAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ControlAnswer>();
  let connected = false;
  const broken = (error: unknown): void => {
    const reason = bareReason(error);
    reject(
      connected
        ? new GatewayError('CONTROL_FAILED', { reason }, error)
        : new GatewayError('NOT_RUNNING', { path: socketPath, reason }, error),
    );
  };
  try {
    const socket = withShortPath(socketPath, (short) => connect(short));
    socket.once('connect', () => (connected = true));
    const asked = request({ method, path, createConnection: () => socket }, (response) => {
      const { statusCode: status = 0, headers } = response;
      const isJson = headers['content-type'] === 'application/json';
      text(response)
        .then((body) => resolve({ status, body: isJson ? JSON.parse(body) : body }))
        .catch(broken);
    });
    asked.once('error', broken);
    asked.end();
  } catch (error) {
    broken(error);
  }
  return promise;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'the gateway that used it has ended',
  EACCES: 'permission denied',
};

function bareReason(error: unknown): string {
  return reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? reasonOf(error);
}
