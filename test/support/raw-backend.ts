/** A backend that plays what it is told on raw sockets, and what one exchange with it came to. */
import { type AddressInfo, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { type SecureContext, TLSSocket } from 'node:tls';
import { type Body, type BodySink, type BodySource, isBuffered } from '../../src/http/body/body.ts';
import type { GatewayError } from '../../src/errors.ts';
import { defaultConnections } from '../../src/cluster/cluster.ts';
import type {
  ConnectionSettings,
  FailurePhase,
  Transport,
  UpstreamRequest,
} from '../../src/cluster/transport/transport.ts';
import { RawConnection } from './raw-connection.ts';

export interface RawBackend {
  readonly origin: string;
  readonly peers: RawConnection[];
}

/** Listens on a free port; `play` runs for each connection. With `tls` it speaks that. */
export async function rawBackend(
  t: TestContext,
  play: (peer: RawConnection, index: number) => unknown,
  tls: SecureContext | null = null,
): Promise<RawBackend> {
  const peers: RawConnection[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (bare) => {
    const socket =
      tls === null ? bare : new TLSSocket(bare, { isServer: true, secureContext: tls });
    bare.on('error', () => {});
    const peer = new RawConnection(socket, bare);
    peers.push(peer);
    Promise.resolve(play(peer, peers.length - 1)).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const peer of peers) peer.socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`, peers };
}

export const connections: ConnectionSettings = { ...defaultConnections, maxConnections: 64 };

export const plainGet: UpstreamRequest = {
  method: 'GET',
  target: '/',
  host: 'backend',
  headers: [],
  body: null,
  headTimeout: 10_000,
  bodyTimeout: 10_000,
};

/** What became of an exchange. */
export interface Outcome {
  information: { status: number; headers: string[] }[];
  status: number;
  statusText: string;
  headers: string[];
  body: string | null;
  trailers: readonly string[];
  /** Failure before the head. */
  error?: GatewayError;
  phase?: FailurePhase;
  /** Failure within the body. */
  bodyError?: GatewayError;
  upgraded?: { socket: Duplex; head: Buffer };
}

/** Runs one exchange to its end. */
export function exchange(
  transport: Transport,
  request: Partial<UpstreamRequest> = {},
): Promise<Outcome> {
  const outcome: Outcome = {
    information: [],
    status: 0,
    statusText: '',
    headers: [],
    body: null,
    trailers: [],
  };
  return new Promise((resolve) => {
    transport.send(
      { ...plainGet, ...request },
      {
        onInformation: (status, headers) => outcome.information.push({ status, headers }),
        onHead(status, statusText, headers, body) {
          Object.assign(outcome, { status, statusText, headers: headers.asArray() });
          readBody(body, outcome, () => resolve(outcome));
        },
        onUpgrade(status, headers, socket, head) {
          Object.assign(outcome, { status, headers, upgraded: { socket, head } });
          resolve(outcome);
        },
        onError(error, phase) {
          Object.assign(outcome, { error, phase });
          resolve(outcome);
        },
      },
    );
  });
}

function readBody(body: Body, outcome: Outcome, done: () => void): void {
  if (isBuffered(body)) {
    outcome.body = body?.toString('latin1') ?? null;
    done();
    return;
  }
  outcome.body = '';
  body.start({
    write(chunk) {
      outcome.body += chunk.toString('latin1');
      return true;
    },
    end(trailers = []) {
      outcome.trailers = trailers;
      done();
    },
    fail(error) {
      outcome.bodyError = error as GatewayError;
      done();
    },
  });
}

/** A request body that the test pushes. */
export class PushedBody implements BodySource {
  readonly length: number | undefined;
  sink: BodySink | null = null;
  cancelled = false;
  resumed = 0;
  readonly #onStart: (sink: BodySink) => void;

  constructor(length: number | undefined, onStart: (sink: BodySink) => void = () => {}) {
    this.length = length;
    this.#onStart = onStart;
  }

  start(sink: BodySink): void {
    this.sink = sink;
    this.#onStart(sink);
  }

  resume(): void {
    this.resumed++;
  }

  cancel(): void {
    this.cancelled = true;
  }
}
