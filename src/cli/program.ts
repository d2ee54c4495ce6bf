import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { FilterDefinitionLike } from '../dialect.ts';
import { didYouMean } from '../suggest.ts';
import { logLevels } from '../config/schema/gateway.ts';
import type { LogLevel } from '../config/types.ts';
import { version } from '../package.ts';
import { configPaths, controlSocket } from './locations.ts';
import { processors } from '../runtime/processes/processors.ts';

/** Maximum number of workers that start before the configuration has been read. */
const ahead = 4;

interface ConfigOptions {
  readonly config?: string[];
}

interface LoadOptions extends ConfigOptions {
  readonly ignoreUnsupported?: boolean;
}

interface RunOptions extends LoadOptions {
  readonly workers?: number | 'auto';
  readonly pidFile?: string;
  readonly logLevel?: LogLevel;
}

interface ExplainOptions extends ConfigOptions {
  readonly search?: string;
  readonly all?: boolean;
  readonly schema?: boolean;
}

interface ControlOptions extends ConfigOptions {
  readonly socket?: string;
  readonly json?: boolean;
}

/** Runs the command that the arguments name. @returns the exit code */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has already printed the error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { reportFailure } = await import('./output/report.ts');
    return reportFailure(error);
  }
}

function createProgram(): Command {
  const program = new Command('evergate')
    .description('A gateway that reloads and upgrades without losing a request.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .showHelpAfterError('(more with --help)')
    .configureOutput({
      outputError: (text, write) => write(`evergate: ${text.replace(/^error: /, '')}`),
    })
    .exitOverride();
  addRun(program);
  addCheck(program);
  addCert(program);
  addControl(program);
  addExplain(program);
  return program;
}

function addRun(program: Command): void {
  withLoad(program.command('run'))
    .description('Run the gateway in the foreground.')
    .option(
      '-w, --workers <N|auto>',
      'number of worker processes; auto is one for each processor',
      workers,
    )
    .option('--pid-file <FILE>', 'file for the process id of the gateway')
    .addOption(new Option('--log-level <LEVEL>', 'minimum level of log lines').argParser(logLevel))
    .addHelpText('after', signals)
    .action(async (options: RunOptions) => {
      const { config, workers: count, pidFile, logLevel: level, ignoreUnsupported } = options;
      const paths = configPaths(config);
      const { leaveFirstProcess } = await import('./container-init.ts');
      leaveFirstProcess();
      const { requireDescriptors } = await import('../primary/descriptor-need.ts');
      requireDescriptors();
      const { WorkerSpawner } = await import('../primary/workers/spawner.ts');
      const spawner = new WorkerSpawner();
      spawner.prepare(typeof count === 'number' ? count : Math.min(processors(), ahead));
      const { run } = await import('./commands/run.ts');
      await run({
        paths,
        spawner,
        ...(count !== undefined && { workers: count }),
        ...(pidFile !== undefined && { pidFile }),
        ignoreUnsupported,
        ...(level !== undefined && { logLevel: level }),
      });
    });
}

function addCheck(program: Command): void {
  withLoad(program.command('check'))
    .description('Check a configuration and report every error in it.')
    .action(async ({ config, ignoreUnsupported = false }: LoadOptions) => {
      const { check } = await import('./commands/check.ts');
      await check(configPaths(config), ignoreUnsupported);
    });
}

function addCert(program: Command): void {
  withConfig(program.command('cert'))
    .description(
      'Show the certificates of the entries and the authority that clients should trust.',
    )
    .action(async ({ config }: ConfigOptions) => {
      const { cert } = await import('./commands/cert.ts');
      await cert(configPaths(config));
    });
}

function addControl(program: Command): void {
  withSocket(program.command('reload'))
    .description('Reload the configuration of the running gateway and wait for the result.')
    .action(async (options: ControlOptions) => {
      const { reload } = await import('./commands/control.ts');
      await reload(await controlSocket(options));
    });
  withSocket(program.command('upgrade'))
    .description('Replace the running program with the installed one and wait for the result.')
    .action(async (options: ControlOptions) => {
      const { upgrade } = await import('./commands/control.ts');
      await upgrade(await controlSocket(options));
    });
  withSocket(program.command('stop'))
    .description('Stop the running gateway after the requests in progress.')
    .action(async (options: ControlOptions) => {
      const { stop } = await import('./commands/control.ts');
      await stop(await controlSocket(options));
    });
  withSocket(program.command('status'))
    .description('Show the status of the running gateway.')
    .option('--json', 'print JSON')
    .action(async (options: ControlOptions) => {
      const { status } = await import('./commands/control.ts');
      await status(await controlSocket(options), options.json === true);
    });
}

function addExplain(program: Command): void {
  withConfig(program.command('explain'))
    .description(
      'Explain a key of the configuration, a filter or an error code; without KEY, print an overview. -c adds the filters of its plugins.',
    )
    .argument('[KEY]', 'such as entry.network.reuse_port, echo, UPSTREAM_CONNECT or errors')
    .option('-s, --search <WORD>', 'list the keys whose explanation contains the word')
    .option('--all', 'explain every key')
    .option('--schema', 'print a JSON Schema of the configuration, for editors')
    .action(async (key: string | undefined, options: ExplainOptions) => {
      const { config, schema, search: words, all } = options;
      const { explainError } = await import('./commands/explain-errors.ts');
      const page = explainError(key ?? '');
      if (page !== null) return console.log(page);
      const filters = await filtersOf(config);
      if (schema) {
        const { editorSchema } = await import('./commands/schema.ts');
        return console.log(JSON.stringify(editorSchema(filters), null, 2));
      }
      if (words !== undefined || all) {
        const { explainAll, search } = await import('./commands/explain-all.ts');
        return console.log(words === undefined ? explainAll(filters) : search(words, filters));
      }
      const { explain } = await import('./commands/explain.ts');
      console.log(explain(key, filters));
    });
}

/** The built-in filters and those of the plugins of a configuration. */
async function filtersOf(paths: string[] | undefined): Promise<readonly FilterDefinitionLike[]> {
  const { builtIn } = await import('./built-in.ts');
  if (!paths) return builtIn.filters;
  const { loadFilters } = await import('../config/load.ts');
  return loadFilters({ paths, ...builtIn });
}

function withConfig(command: Command): Command {
  return command.option(
    '-c, --config <FILE>',
    'configuration file or folder; may be repeated (default: $EVERGATE_CONFIG, ./evergate.yml or /etc/evergate/evergate.yml)',
    (path: string, before: string[] | undefined) => [...(before ?? []), path],
  );
}

function withLoad(command: Command): Command {
  return withConfig(command).option(
    '--ignore-unsupported',
    'ignore sections and filters that are not supported yet',
  );
}

function withSocket(command: Command): Command {
  return withConfig(command).option('--socket <FILE>', 'control socket of the gateway');
}

function workers(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 256) return count;
  throw new InvalidArgumentError('Expected an integer from 1 to 256, or auto.');
}

function logLevel(text: string): LogLevel {
  const level = logLevels.find((one) => one === text);
  if (level) return level;
  const hint = didYouMean(text, logLevels);
  throw new InvalidArgumentError(`Expected one of ${logLevels.join(', ')}${hint}`);
}

const signals = `
Signals:
  HUP        reload the configuration
  USR2       upgrade: replace this program with the installed one
  USR1       no effect: it does not open the debugger of Node.js
  TERM, INT  finish the requests in progress and exit; a second one exits at once`;
