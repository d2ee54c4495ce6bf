/**
 * `npm start`: a gateway in front of an embedded demo backend, saying what to try next. Another
 * configuration than the example may be named by DEMO_CONFIG.
 */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlSocket } from '../src/cli/locations.ts';
import { requestControl } from '../src/primary/control/client.ts';
import type { GatewayStatus } from '../src/primary/status/types.ts';
import { startDemoBackend } from './demo-backend.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const config = process.env['DEMO_CONFIG'] ?? 'examples/quick-start.yml';
const { origin, server } = await startDemoBackend();

const gateway = spawn(
  process.execPath,
  ['src/cli.ts', 'run', '-c', config, ...process.argv.slice(2)],
  {
    cwd: root,
    env: { ...process.env, CLUSTER: origin },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  },
);
// The gateway has a process group of its own, so that a Ctrl-C reaches it once, from here: it drains,
// and this process ends after it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => gateway.kill(signal));

const socket = await controlSocket({ config: [resolve(root, config)] });
let ended = false;
gateway.once('exit', (code, signal) => {
  ended = true;
  server.close();
  server.closeAllConnections();
  process.exitCode = code ?? (signal ? 1 : 0);
});

// Introduce it once it serves; its control socket tells.
while (!ended) {
  const answer = await requestControl(socket, 'GET', '/status').catch(() => null);
  const status = answer?.body as Partial<GatewayStatus> | undefined;
  if (status?.pid === gateway.pid && status?.entries) {
    introduce(gateway.pid ?? 0, status.entries);
    break;
  }
  await sleep(50);
}
if (ended) console.error(`The demo did not start; its ports are in ${config}.`);

function introduce(pid: number, entries: GatewayStatus['entries']): void {
  const addressOf = (entry: string): string => {
    const [address = ''] = entries.find(({ name }) => name === entry)?.addresses ?? [];
    return address;
  };
  const [ingest, search] = [addressOf('es_ingest'), addressOf('es_search')];
  process.stdout.write(`
  Evergate is running in front of a demo backend (${origin}):

    es_ingest  http://${ingest}   writes and reads
    es_search  http://${search}   reads only

  Three things to try, from another terminal:

    1. A request by each entry:
         curl -X POST ${ingest}/books/_doc -H 'Content-Type: application/json' -d '{"title":"Emma"}'
         curl ${search}/books/_search
         curl ${search}/hello

    2. Edit the message of the flow "hello" in ${config}, save it, and ask
       again. (Make a mistake, too: it is told here, with its place, and the gateway goes on.)
         curl ${search}/hello

    3. Replace every worker while it is being asked; no client sees it:
         kill -HUP ${pid} && for i in $(seq 20); do curl -sS ${search}/hello; sleep 0.1; done

  And the gateway's own commands:

         npx evergate status -c ${config}
         npx evergate explain flow.filter.echo

  Ctrl-C stops it.

`);
}
