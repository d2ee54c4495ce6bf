import { loadConfiguration } from '../../config/load.ts';
import { countOf } from '../../config/problem.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { builtIn } from '../built-in.ts';
import { renderReport } from '../output/report.ts';

/** Prints warnings and a summary of a valid configuration. @throws ConfigError with all errors */
export async function check(paths: readonly string[], ignoreUnsupported: boolean): Promise<void> {
  const { config, warnings } = await loadConfiguration({ paths, ...builtIn, ignoreUnsupported });
  for (const line of renderReport([], warnings)) console.error(line);
  const noted = warnings.length > 0 ? `, with ${countOf(warnings.length, 'warning')}` : '';
  console.log(`the configuration is valid${noted}: ${summary(config)}`);
}

function summary(config: GatewayConfig): string {
  return [
    config.entry.length === 1 ? '1 entry' : `${config.entry.length} entries`,
    countOf(config.router.length, 'router'),
    countOf(config.flow.length, 'flow'),
    countOf(config.elasticsearch.length, 'cluster'),
  ].join(', ');
}
