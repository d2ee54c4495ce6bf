/**
 * `npm run bench`: what a proxied request costs, ours beside its peers'.
 *
 * The proxy is pinned to one processor, load and backends (nginx) to another; contestants take turns
 * within each round, because a machine drifts more between minutes than they differ. A request's cost
 * is the processor time that the operating system counted for the proxy's processes, divided by the
 * requests answered. Only ratios within one run count.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cases, type Case } from './cases.ts';
import { type Contestant, contestants, revision } from './contestants.ts';
import { drive } from './load.ts';
import { end, freePort, installed, processorTime, start, untilListening } from './processes.ts';
import { type Measurement, report } from './report.ts';
import { type Startup, measureStartup } from './startup.ts';

/** Requests after which a contestant counts as warm. */
const warmedUp = 50_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '8' },
    only: { type: 'string', multiple: true, default: [] },
    cases: { type: 'string', multiple: true, default: [] },
    compare: { type: 'string' },
    output: { type: 'string' },
    'no-startup': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  process.stdout.write(`npm run bench -- [options]
  --rounds N      rounds, each contestant once a round (5)
  --seconds N     seconds of load a turn (3)
  --warm-up N     seconds of load at most before a turn counts, or ${warmedUp} requests (8)
  --only NAME     only contestants whose name contains NAME; repeatable
  --cases TEXT    only cases whose name contains TEXT; repeatable
  --compare REV   puts that revision of ours beside the working tree
  --output FILE   writes the Markdown tables there too
  --no-startup    leaves out start-up, reload and memory
`);
  process.exit(0);
}

for (const program of ['wrk', 'nginx', 'taskset']) {
  if (!installed(program))
    throw new Error(`the benchmark needs ${program}, which is not installed`);
}

const folder = mkdtempSync(join(tmpdir(), 'evergate-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));

const all = [
  ...contestants(folder),
  ...(options.compare ? [revision(options.compare, folder)] : []),
];
const selected = all.filter(
  ({ name }) => options.only.length === 0 || options.only.some((each) => name.includes(each)),
);
for (const { name, missing } of selected) if (missing) console.log(`left out: ${name}, ${missing}`);
const running = selected.filter(({ missing }) => missing === null);

const certificate = join(folder, 'certificate.pem');
const key = join(folder, 'key.pem');
execFileSync(
  'openssl',
  `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${key} -out ${certificate} -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1`.split(
    ' ',
  ),
  { stdio: 'ignore' },
);
const backends = await startBackends();

const measurements: Measurement[] = [];
for (const each of cases) {
  if (options.cases.length > 0 && !options.cases.some((text) => each.name.includes(text))) continue;
  measurements.push(...(await measure(each)));
}
const startups: Startup[] = [];
if (!options['no-startup']) {
  for (const contestant of running) startups.push(await measureStartup(contestant, setting));
}
const tables = report(measurements, startups);
console.log(tables);
if (options.output) writeFileSync(options.output, tables);
process.exit(0);

async function startBackends(): Promise<[number, number]> {
  const ports: [number, number] = [await freePort(), await freePort()];
  const file = join(folder, 'backend.conf');
  const json = `{"took":1,"hits":{"total":{"value":1},"hits":[{"_id":"1","_source":{"text":"${'x'.repeat(157)}"}}]}}`;
  writeFileSync(join(folder, 'large'), 'x'.repeat(1024 * 1024));
  writeFileSync(
    file,
    `daemon off; user root; worker_processes 1; pid ${folder}/backend.pid; error_log ${folder}/backend.log;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 10000000; client_max_body_size 16m; client_body_buffer_size 128k;
  client_body_temp_path ${folder}/b1; proxy_temp_path ${folder}/b2; fastcgi_temp_path ${folder}/b3; uwsgi_temp_path ${folder}/b4; scgi_temp_path ${folder}/b5;
  server {
    ${ports.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ')}
    location = /bench/large { root ${folder}; try_files /large =404; default_type text/plain; }
    location = /bench/post { client_body_in_single_buffer on; default_type application/json; return 200 '${json}'; }
    location / { default_type application/json; return 200 '${json}'; }
  }
}
`,
  );
  start(['nginx', '-c', file, '-p', folder], { cpus: '1' });
  await untilListening(ports[0]);
  return ports;
}

async function setting(contestant: Contestant, workers: number) {
  const own = join(folder, `${contestant.name.replace(/\W/g, '-')}-${workers}-${Date.now()}`);
  mkdirSync(own, { recursive: true });
  const [port, tlsPort] = [await freePort(), await freePort()];
  return { folder: own, port, tlsPort, backends, workers, certificate, key };
}

/** Until compilers have seen enough of the code: on a busy machine seconds alone say little. */
async function warmUp(run: (seconds: number) => Promise<{ requests: number }>): Promise<void> {
  const until = performance.now() + Number(options['warm-up']) * 1000;
  let requests = 0;
  while (requests < warmedUp && performance.now() < until) requests += (await run(1)).requests;
}

/** All rounds of one case. */
async function measure({ name, load, workers }: Case): Promise<Measurement[]> {
  const able = running.filter(({ tls, h2 }) => (!load.tls || tls) && (!load.h2 || h2));
  // One worker has a processor for itself; more share the machine with the load.
  const cpus = workers === 1 ? { proxy: '0', load: '1' } : {};
  const runs = new Map<string, Measurement>();
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const contestant of able) {
      const own = await setting(contestant, workers);
      const child = start(contestant.prepare(own), cpus.proxy ? { cpus: cpus.proxy } : {});
      try {
        await untilListening(load.tls || load.h2 ? own.tlsPort : own.port);
        const ports = { plain: own.port, tls: own.tlsPort };
        await warmUp((seconds) => drive(load, ports, seconds, cpus.load, folder));
        const before = processorTime(child.pid ?? 0);
        const outcome = await drive(load, ports, Number(options.seconds), cpus.load, folder);
        await sleep(20);
        const cost = ((processorTime(child.pid ?? 0) - before) * 1e6) / outcome.requests;
        const measured = runs.get(contestant.name) ?? {
          name,
          contestant: contestant.name,
          runs: [],
        };
        measured.runs.push({ cost, ...outcome });
        runs.set(contestant.name, measured);
        console.error(
          `${name} | ${contestant.name} | ${cost.toFixed(1)} µs | ${outcome.requests} requests, ${outcome.errors} errors | p99 ${outcome.p99.toFixed(2)} ms`,
        );
      } finally {
        await end(child);
      }
    }
  }
  return [...runs.values()];
}
