import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { FilterDefinitionLike } from '../dialect.ts';
import { didYouMean } from '../suggest.ts';
import { logLevels } from '../config/schema/gateway.ts';
import type { LogLevel } from '../config/types.ts';
import { version } from '../package.ts';
import { configPaths, controlSocket } from './locations.ts';
import { processors } from '../runtime/processes/processors.ts';

/** Workers started before the configuration has said how many there are to be, at most. */
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

/** Runs the command that the arguments name; answers with the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has said already what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { reportFailure } = await import('./output/report.ts');
    return reportFailure(error);
  }
}

function createProgram(): Command {
  const program = new Command('evergate')
    .description('A gateway whose clients never notice that it changes.')
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
    .description('Runs the gateway until it is told to stop.')
    .option('-w, --workers <N|auto>', 'worker processes; auto is one for each processor', workers)
    .option('--pid-file <FILE>', 'file for the process id of the gateway')
    .addOption(new Option('--log-level <LEVEL>', 'least level to log').argParser(logLevel))
    .addHelpText('after', signals)
    .action(async (options: RunOptions) => {
      const { config, workers: count, pidFile, logLevel: level, ignoreUnsupported } = options;
      const paths = configPaths(config);
      const { leaveFirstProcess } = await import('./container-init.ts');
      leaveFirstProcess();
      const { requireDescriptors } = await import('../primary/descriptor-need.ts');
      requireDescriptors();
      const { WorkerForks } = await import('../primary/workers/spawner.ts');
      const forks = new WorkerForks();
      forks.prepare(typeof count === 'number' ? count : Math.min(processors(), ahead));
      const { run } = await import('./commands/run.ts');
      await run({
        paths,
        forks,
        ...(count !== undefined && { workers: count }),
        ...(pidFile !== undefined && { pidFile }),
        ignoreUnsupported,
        ...(level !== undefined && { logLevel: level }),
      });
    });
}

function addCheck(program: Command): void {
  withLoad(program.command('check'))
    .description('Reads a configuration and reports everything that is wrong with it.')
    .action(async ({ config, ignoreUnsupported = false }: LoadOptions) => {
      const { check } = await import('./commands/check.ts');
      await check(configPaths(config), ignoreUnsupported);
    });
}

function addCert(program: Command): void {
  withConfig(program.command('cert'))
    .description(
      'Shows the certificates of the entries, and which authority clients have to trust.',
    )
    .action(async ({ config }: ConfigOptions) => {
      const { cert } = await import('./commands/cert.ts');
      await cert(configPaths(config));
    });
}

function addControl(program: Command): void {
  withSocket(program.command('reload'))
    .description('Has the running gateway take up its configuration; waits for the outcome.')
    .action(async (options: ControlOptions) => {
      const { reload } = await import('./commands/control.ts');
      await reload(await controlSocket(options));
    });
  withSocket(program.command('upgrade'))
    .description(
      'Has the installed program take the place of the running one; waits for the outcome.',
    )
    .action(async (options: ControlOptions) => {
      const { upgrade } = await import('./commands/control.ts');
      await upgrade(await controlSocket(options));
    });
  withSocket(program.command('stop'))
    .description('Has the running gateway finish its connections and end.')
    .action(async (options: ControlOptions) => {
      const { stop } = await import('./commands/control.ts');
      await stop(await controlSocket(options));
    });
  withSocket(program.command('status'))
    .description('Tells how the running gateway is.')
    .option('--json', 'print JSON')
    .action(async (options: ControlOptions) => {
      const { status } = await import('./commands/control.ts');
      await status(await controlSocket(options), options.json === true);
    });
}

function addExplain(program: Command): void {
  withConfig(program.command('explain'))
    .description(
      'Explains a key of the configuration, or gives an overview; with -c, of the filters of its plugins as well.',
    )
    .argument('[KEY]', 'such as entry.network.reuse_port, or the name of a filter')
    .option('-s, --search <WORD>', 'list the keys that have to do with it')
    .option('--all', 'explain every key there is')
    .option('--schema', 'print a JSON Schema of everything, for editors')
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

/** The built-in filters, and those of a configuration's plugins. */
async function filtersOf(paths: string[] | undefined): Promise<readonly FilterDefinitionLike[]> {
  const { builtIn } = await import('./built-in.ts');
  if (!paths) return builtIn.filters;
  const { loadFilters } = await import('../config/load.ts');
  return loadFilters({ paths, ...builtIn });
}

function withConfig(command: Command): Command {
  return command.option(
    '-c, --config <FILE>',
    'configuration file or folder, may be repeated (default: $EVERGATE_CONFIG, ./evergate.yml or /etc/evergate/evergate.yml)',
    (path: string, before: string[] | undefined) => [...(before ?? []), path],
  );
}

function withLoad(command: Command): Command {
  return withConfig(command).option(
    '--ignore-unsupported',
    'go on without what the configuration asks for and is not supported yet',
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
  HUP        take up the configuration
  USR2       have the installed program, perhaps another version, take this one's place
  USR1       none: it does not open the debugger of Node.js
  TERM, INT  finish the connections and end; a second one ends at once`;
