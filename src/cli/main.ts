import cluster from 'node:cluster';

// A worker is started by this program, too. It loads neither the command line nor what reads
// configurations, so that it is there quickly.
if (cluster.isWorker) {
  const [{ runWorker }, { buildWorker }] = await Promise.all([
    import('../worker/worker.ts'),
    import('../worker/build.ts'),
  ]);
  runWorker(buildWorker);
} else {
  // A reader that has seen enough (`evergate explain | head`) is no fault.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const { runCommandLine } = await import('./program.ts');
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
