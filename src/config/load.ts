import { dirname, resolve } from 'node:path';
import type { EntryFiles } from '../tls/credentials.ts';
import { expandDottedKeys } from './source/dotted-keys.ts';
import { environmentResolver } from './source/environment.ts';
import { type SourceFile, SourceReader } from './source/files.ts';
import { type FilterDefinitionLike, type FilterTable, filterTable } from '../dialect.ts';
import { loadPlugins, type Plugins } from './source/plugins.ts';
import { mergeTrees } from './source/merge.ts';
import { parseText } from './source/parse.ts';
import {
  ConfigError,
  type Place,
  type Problem,
  ProblemList,
  renderPlace,
  type WatchTargets,
} from './problem.ts';
import { rootSchema } from './schema/root.ts';
import { substitute } from './source/substitution.ts';
import { leaveOutUnsupported } from './source/unsupported.ts';
import { fillTemplate, templateUses } from './source/templates.ts';
import { noSyntax, type SyntaxChecks } from '../dialect.ts';
import { childOf, type MapNode } from './source/tree.ts';
import type { GatewayConfig } from './types.ts';
import { type PathRules, validate, type Validated } from './validation/validate.ts';

export interface LoadOptions {
  /** Files and folders, in order of precedence. */
  readonly paths: readonly string[];
  readonly filters: readonly FilterDefinitionLike[];
  /** Checks of texts and conditions; without it conditions are refused. */
  readonly syntax?: SyntaxChecks;
  /** Default: that of the process. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Where relative paths begin; default: the working directory. */
  readonly cwd?: string;
  /** Ignores unsupported sections and filters, with a warning. */
  readonly ignoreUnsupported?: boolean;
}

export interface LoadedConfiguration {
  readonly config: GatewayConfig;
  /** Contents of the TLS files of its entries as they were checked, by entry; secret. */
  readonly tlsFiles: ReadonlyMap<string, EntryFiles>;
  readonly warnings: readonly Problem[];
  readonly watch: WatchTargets;
}

/**
 * Reads, merges and validates a configuration.
 * @throws ConfigError with all errors
 */
export async function loadConfiguration(options: LoadOptions): Promise<LoadedConfiguration> {
  const loader = new Loader(options);
  const root = await loader.loadTree();
  const { problems } = loader;
  const found = new ProblemList();
  // If a file is missing or is not YAML, most other errors would be consequences of that.
  const validated =
    root && !loader.incomplete
      ? await loader.validate(root, options.syntax ?? noSyntax, found)
      : undefined;
  const errors = [...problems.errors, ...found.errors.filter(isNewIn(problems.errors))];
  const warnings = inReadingOrder([...problems.warnings, ...found.warnings], loader.fileNames);
  const { watch } = loader;
  if (errors.length > 0 || !validated) {
    throw new ConfigError(inReadingOrder(errors, loader.fileNames), warnings, watch);
  }
  return { ...validated, warnings, watch };
}

/** A value that could not be filled in has the wrong type, too; the first error is enough. */
function isNewIn(errors: readonly Problem[]): (problem: Problem) => boolean {
  const known = new Set(errors.map(identity));
  return (problem) => !known.has(identity(problem));
}

function identity(problem: Problem): string {
  return `${renderPlace(problem)} ${problem.path}`;
}

/** In the order in which a reader of the files meets them. */
function inReadingOrder(problems: readonly Problem[], files: readonly string[]): Problem[] {
  const position = new Map(files.map((file, index) => [file, index]));
  return problems.toSorted(
    (one, other) =>
      (position.get(one.file) ?? files.length) - (position.get(other.file) ?? files.length) ||
      one.line - other.line ||
      one.column - other.column,
  );
}

/**
 * The folder `path.data` of a configuration, also of one that is not valid at the moment: it is
 * what finds the running gateway.
 */
export async function locateDataFolder(options: Omit<LoadOptions, 'filters'>): Promise<string> {
  const loader = new Loader({ ...options, filters: [] });
  const root = await loader.loadTree();
  const data = root && childOf(childOf(root, 'path'), 'data');
  if (data?.kind === 'scalar' && typeof data.value === 'string' && data.value !== '') {
    return loader.absolutePath(data.value, data.place);
  }
  return loader.defaultPath('data');
}

/** The filters that a configuration may use, its plugins' among them, also of one that is wrong. */
export async function loadFilters(options: LoadOptions): Promise<readonly FilterDefinitionLike[]> {
  const loader = new Loader(options);
  const root = await loader.loadTree();
  return root ? (await loader.loadPlugins(root, new ProblemList())).filters : options.filters;
}

/** One reading of a configuration, up to the tree of all files with its templates filled in. */
class Loader {
  readonly problems = new ProblemList();
  readonly filters: FilterTable;
  /** Whether a file could not be read or parsed. */
  incomplete = false;
  readonly #options: LoadOptions;
  readonly #reader: SourceReader;
  readonly #environment: NodeJS.ProcessEnv;
  #first: string | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.filters = filterTable(options.filters);
    this.#environment = options.environment ?? process.env;
    this.#reader = new SourceReader(options.cwd ?? process.cwd(), this.problems);
  }

  get watch(): WatchTargets {
    return this.#reader.watch;
  }

  get fileNames(): readonly string[] {
    return this.#reader.names;
  }

  readonly absolutePath = (path: string, place: Place): string =>
    resolve(dirname(this.#reader.pathOf(place.file)), path);

  readonly defaultPath = (name: string): string =>
    resolve(this.#first ?? this.#missing ?? this.#options.cwd ?? process.cwd(), name);

  /** Where the first file would lie, if none is there. */
  get #missing(): string | undefined {
    const { folders, files } = this.#reader.watch;
    return folders[0] ?? (files[0] === undefined ? undefined : dirname(files[0]));
  }

  loadPlugins(root: MapNode, problems: ProblemList): Promise<Plugins> {
    return loadPlugins(root, this.#options.filters, this.pathRules, problems);
  }

  async validate(root: MapNode, syntax: SyntaxChecks, problems: ProblemList): Promise<Validated> {
    const { files, filters } = await this.loadPlugins(root, problems);
    const table = filterTable(filters);
    // Only now it is known what the plugins' parameters are called.
    const expanded = files.length > 0 ? expandDottedKeys(root, rootSchema, table, problems) : root;
    return validate(expanded as MapNode, table, syntax, this.pathRules, problems, files);
  }

  get pathRules(): PathRules {
    const { absolutePath, defaultPath } = this;
    return { absolutePath, defaultPath, watchFile: (path) => this.#reader.watchFile(path) };
  }

  async loadTree(): Promise<MapNode | undefined> {
    let root: MapNode | undefined;
    for (const path of this.#options.paths) {
      const sources = await this.#reader.readAll(path);
      root = await this.#add(root, sources);
    }
    this.incomplete = this.problems.errors.length > 0;
    if (!root) return undefined;
    const ignored = this.#options.ignoreUnsupported ?? false;
    const supported = leaveOutUnsupported(root, ignored, this.problems);
    const resolver = environmentResolver(supported, this.#environment, this.problems);
    const entries = new Map(supported.entries);
    const env = entries.get('env');
    entries.delete('env');
    const filled = substitute({ ...supported, entries }, resolver) as MapNode;
    const all = env ? new Map([...filled.entries, ['env', env] as const]) : filled.entries;
    return { ...filled, entries: all };
  }

  /** Merges files into `root`, and what they include. */
  async #add(
    root: MapNode | undefined,
    sources: readonly SourceFile[],
  ): Promise<MapNode | undefined> {
    let merged = root;
    for (const source of sources) {
      if (this.#reader.isNamed(source.path)) continue;
      this.#first ??= dirname(source.path);
      const tree = this.#parse(source);
      if (!tree) continue;
      merged = merged ? mergeTrees(merged, tree, this.problems) : tree;
      merged = await this.#addTemplates(merged, tree);
      merged = await this.#addFolder(merged, tree);
    }
    return merged;
  }

  async #addTemplates(root: MapNode, tree: MapNode): Promise<MapNode> {
    let merged = root;
    for (const use of templateUses(tree)) {
      const path = this.absolutePath(use.file, use.place);
      const source = await this.#reader.readNamed(path, use.place, use.path);
      const parsed = source && parseText(source.text, source.name, this.problems);
      if (!parsed) continue;
      const filled = fillTemplate(parsed, source, use, this.problems);
      const expanded = this.#expand(filled);
      if (templateUses(expanded).length > 0) {
        this.problems.error(
          expanded.place,
          ['configs', 'template'],
          'a template cannot use templates',
        );
        continue;
      }
      merged = mergeTrees(merged, expanded, this.problems);
    }
    return merged;
  }

  async #addFolder(root: MapNode, tree: MapNode): Promise<MapNode> {
    const named = childOf(childOf(tree, 'path'), 'configs');
    if (!named) return root;
    const resolver = environmentResolver(root, this.#environment, new ProblemList());
    const node = substitute(named, resolver);
    if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.value === '') return root;
    const folder = this.absolutePath(node.value, named.place);
    const sources = await this.#reader.readIncluded(folder, named.place);
    return (await this.#add(root, sources)) ?? root;
  }

  #parse(source: SourceFile): MapNode | undefined {
    const tree = parseText(source.text, source.name, this.problems);
    return tree && this.#expand(tree);
  }

  #expand(tree: MapNode): MapNode {
    return expandDottedKeys(tree, rootSchema, this.filters, this.problems) as MapNode;
  }
}
