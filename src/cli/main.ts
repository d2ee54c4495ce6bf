import cluster from 'node:cluster';
import { ignoreStreamErrors } from '../runtime/processes/standard-streams.ts';

// Workers run this program, too. They load neither the command line nor the configuration loader, so
// that they start quickly.
if (cluster.isWorker) {
  const [{ runWorker }, { Serving }] = await Promise.all([
    import('../worker/worker.ts'),
    import('../worker/serving.ts'),
  ]);
  runWorker((config, services) => Serving.build(config, services));
} else {
  // A reader that closes the pipe (`evergate explain | head`) is not an error.
  ignoreStreamErrors();
  const { runCommandLine } = await import('./program.ts');
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
