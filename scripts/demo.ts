/** `npm start`: a gateway in front of an embedded demo backend, saying what to try next. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlSocket } from '../src/command-line/locations.ts';
import { requestControl } from '../src/primary/control-client.ts';
import { startDemoBackend } from './demo-backend.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { origin, server } = await startDemoBackend();

const gateway = spawn(
  process.execPath,
  ['src/cli.ts', 'run', '-c', 'examples/quick-start.yml', ...process.argv.slice(2)],
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

const socket = await controlSocket({ config: [`${root}examples/quick-start.yml`] });
let ended = false;
gateway.once('exit', (code, signal) => {
  ended = true;
  server.close();
  server.closeAllConnections();
  process.exitCode = code ?? (signal ? 1 : 0);
});

// Introduce it once it serves; its control socket tells.
while (!ended) {
  const status = await requestControl(socket, 'GET', '/status').catch(() => null);
  if (status?.body && (status.body as { pid?: number }).pid === gateway.pid) {
    introduce(gateway.pid ?? 0);
    break;
  }
  await sleep(50);
}

function introduce(pid: number): void {
  process.stdout.write(`
  Evergate is running in front of a demo backend (${origin}):

    es_ingest  http://localhost:8000   writes and reads
    es_search  http://localhost:9000   reads only

  Three things to try, from another terminal:

    1. A request by each entry:
         curl -X POST localhost:8000/books/_doc -H 'Content-Type: application/json' -d '{"title":"Emma"}'
         curl localhost:9000/books/_search
         curl localhost:9000/hello

    2. Edit examples/quick-start.yml (say, the message of the flow "hello"), save it, and ask again:
         curl localhost:9000/hello

    3. Replace every worker while it runs; no client sees it:
         kill -HUP ${pid}

  Ctrl-C stops it.

`);
}
