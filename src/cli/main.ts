import cluster from 'node:cluster';
import { ignoreStreamErrors } from '../runtime/processes/standard-streams.ts';

// A worker is started by this program, too. It loads neither the command line nor what reads
// configurations, so that it is there quickly.
if (cluster.isWorker) {
  const [{ runWorker }, { Serving }] = await Promise.all([
    import('../worker/worker.ts'),
    import('../worker/serving.ts'),
  ]);
  runWorker((config, services) => Serving.build(config, services));
} else {
  // A reader that has seen enough (`evergate explain | head`) is no fault.
  ignoreStreamErrors();
  const { runCommandLine } = await import('./program.ts');
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
