/**
 * Shows what clients see of a proxy's reloads, crashes and upgrades: puts clients that never retry on
 * it, disturbs it, and counts. `--help` tells the options.
 */
import { type StormOptions, help, readOptions } from './reload-storm/options.ts';
import { faults, judgeAll, renderMarkdown } from './reload-storm/report.ts';
import { abandonStorms, storm, type StormResult } from './reload-storm/storm.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void abandonStorms().finally(() => process.exit(130)));
}

process.exitCode = await main();

async function main(): Promise<number> {
  let options: StormOptions | null;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}; see --help\n`);
    return 2;
  }
  if (!options) {
    process.stdout.write(help);
    return 0;
  }
  const results: StormResult[] = [];
  for (const target of options.targets) results.push(await storm(target, options));
  const judged = judgeAll(results);
  const found = judged
    .filter(({ result }) => result.target === 'evergate')
    .flatMap((each) => faults(each));
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ options, faults: found, targets: judged }, setsAsLists, 2)}\n`
      : renderMarkdown(judged, options),
  );
  return found.length > 0 ? 1 : 0;
}

function setsAsLists(_key: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value;
}
