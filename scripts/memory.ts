/**
 * Shows what a gateway's workers need of memory: large bodies up and down at once with slow ones on
 * either side, then many idle clients. Ends with 1 when a limit is exceeded.
 *
 *   npm run build && npm run memory -- [--megabytes 5120] [--clients 10000] [--workers 2]
 */
import { parseArgs } from 'node:util';
import { idleClients } from './memory/idle-clients.ts';
import { largeBodies } from './memory/large-bodies.ts';
import { startMeasured } from './memory/measured-gateway.ts';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '5120' },
    clients: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '2' },
  },
});
const [megabytes, clients] = [Number(values.megabytes), Number(values.clients)];

const gateway = await startMeasured(Number(values.workers));
let failed = false;

function report(what: string, figure: number, limit: number, unit: string): void {
  const exceeded = figure > limit;
  failed ||= exceeded;
  console.log(
    `${what}: ${figure.toFixed(1)} ${unit} (limit ${limit}${exceeded ? ', EXCEEDED' : ''})`,
  );
}

try {
  console.log(
    `at the start: ${gateway
      .resident()
      .map((mb) => `${mb.toFixed(0)} MB`)
      .join(', ')}`,
  );
  const watch = gateway.watch();
  const seconds = await largeBodies(gateway, megabytes);
  const peak = watch();
  console.log(`${megabytes} MB up and ${megabytes} MB down in ${seconds.toFixed(0)} s`);
  report('largest worker meanwhile', peak, 150, 'MB');
  report(`each of ${clients} idle clients`, await idleClients(gateway, clients), 15, 'kB');
} finally {
  await gateway.stop();
}
process.exitCode = failed ? 1 : 0;
