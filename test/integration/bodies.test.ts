/** Bodies of many clients at one time, on their way through one worker. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackend, startGateway } from '../support/gateway.ts';

const kb = 1024;
/** Around every size at which bodies are treated in another way, and some far above. */
const sizes = [
  1,
  200,
  16 * kb - 1,
  16 * kb,
  16 * kb + 1,
  60 * kb,
  64 * kb,
  64 * kb + 1,
  128 * kb - 300,
  128 * kb,
  128 * kb + 1,
  700 * kb,
  6 * kb * kb,
];

/** Reads all of it; one that is `slow` lets what comes pile up first, and again half way. */
async function readAll(stream: Readable, slow: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  if (slow) await sleep(50);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const before = size;
    chunks.push(chunk);
    size += chunk.length;
    if (slow && before >> 19 !== size >> 19) await sleep(10);
  }
  return Buffer.concat(chunks);
}

/** Answers with what it was sent; with its length where the target says so. */
async function echo(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readAll(incoming, incoming.url?.includes('slow') === true);
  if (incoming.url?.includes('sized')) response.setHeader('Content-Length', body.length);
  response.write(body.subarray(0, body.length / 2));
  response.end(body.subarray(body.length / 2));
}

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

interface Sent {
  readonly origin: string;
  readonly path: string;
  readonly agent: Agent;
  readonly body: Buffer;
}

/** Sends a body, at a length given beforehand where the path says so; answers what came back. */
function post({ origin, path, agent, body }: Sent): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const secure = origin.startsWith('https:');
  const outgoing = (secure ? secureRequest : request)(
    `${origin}${path}`,
    { method: 'POST', agent },
    (response) => void readAll(response, path.includes('slow')).then(resolve, reject),
  );
  outgoing.on('error', reject);
  if (path.includes('sized')) outgoing.setHeader('Content-Length', body.length);
  outgoing.write(body.subarray(0, body.length / 2));
  outgoing.end(body.subarray(body.length / 2));
  return promise;
}

suite('bodies', () => {
  test('arrive as they were sent, whoever else sends at the same time', async (t) => {
    const { origin } = await startBackend(t, (incoming, response) => void echo(incoming, response));
    const gateway = await startGateway(
      t,
      `
entry:
  - { name: plain, router: main, network: { binding: "127.0.0.1:0" } }
  - { name: secure, router: main, network: { binding: "127.0.0.1:0" }, tls: { enabled: true } }
router:
  - name: main
    default_flow: streamed
    rules:
      - { method: ["*"], pattern: ["/read/{how}"], flow: read }
      - { method: ["*"], pattern: ["/held/{how}"], flow: held }
flow:
  - name: streamed
    filter: [{ elasticsearch: { elasticsearch: echo } }]
  - name: read
    filter:
      - set_request_header:
          when: { contains: { _ctx.request.body: "what no body contains" } }
          headers: ["X-Found -> yes"]
      - elasticsearch: { elasticsearch: echo }
  - name: held
    filter:
      - elasticsearch: { elasticsearch: echo }
      - sleep: { sleep_in_million_seconds: 20 }
elasticsearch: [{ name: echo, endpoint: "${origin}" }]
`,
      { args: ['--workers', '1'] },
    );
    const origins = [await gateway.origin('plain'), await gateway.origin('secure', 'https')];
    const clients = Array.from({ length: 16 }, async (_, client) => {
      const from = origins[client % 2] as string;
      const options = { keepAlive: true, maxSockets: 1, rejectUnauthorized: false };
      const agent = client % 2 === 0 ? new Agent(options) : new SecureAgent(options);
      t.after(() => agent.destroy());
      for (let i = 0; i < sizes.length; i++) {
        const size = sizes[(i * 3 + client) % sizes.length] as number;
        const how = [
          client % 4 < 2 ? 'sized' : 'chunked',
          (i + client) % 3 === 0 ? 'slow' : 'fast',
        ];
        const flow = ['streamed', 'streamed', 'held', 'read'][(client >> 2) % 4];
        const path = `/${flow}/${how.join('-')}`;
        const body = randomBytes(size);
        const answered = await post({ origin: from, path, agent, body });
        assert.equal(
          answered.length,
          size,
          `client ${client}, ${path}: ${answered.toString('latin1', 0, 300)}`,
        );
        assert.equal(digest(answered), digest(body), `client ${client}, ${path}, ${size} bytes`);
      }
    });
    await Promise.all(clients);
  });
});
