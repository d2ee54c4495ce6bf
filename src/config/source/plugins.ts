import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { reasonOf } from '../../errors.ts';
import { importPlugin } from '../../runtime/modules/plugin-loader.ts';
import type { FilterDefinitionLike } from '../../dialect.ts';
import { type Path, type Place, type ProblemList, related } from '../problem.ts';
import { checkAgainst } from '../validation/ajv.ts';
import { childOf, type MapNode } from './tree.ts';
import type { PluginConfig } from '../types.ts';

export interface Plugins {
  readonly files: readonly PluginConfig[];
  /** Built-in filters and those of the plugins. */
  readonly filters: readonly FilterDefinitionLike[];
}

/** Where relative paths begin, and what hears of the files. */
interface PluginRules {
  readonly absolutePath: (path: string, place: Place) => string;
  readonly watchFile: (path: string) => void;
}

/** Loads the files that the section `plugins` names; what is wrong with them is reported. */
export async function loadPlugins(
  root: MapNode,
  builtIn: readonly FilterDefinitionLike[],
  rules: PluginRules,
  problems: ProblemList,
): Promise<Plugins> {
  const list = childOf(root, 'plugins');
  if (list?.kind !== 'list') return { files: [], filters: builtIn };
  const files: PluginConfig[] = [];
  const filters = [...builtIn];
  const places = new Map<string, Place>();
  for (const [index, node] of list.items.entries()) {
    if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.value === '') continue;
    const path = ['plugins', index];
    const { place } = node;
    const file = rules.absolutePath(node.value, place);
    rules.watchFile(file);
    // oxlint-disable-next-line no-await-in-loop -- of two of one name the second is wrong
    const loaded = await load(file, place, path, problems);
    if (loaded === undefined) continue;
    files.push({ path: file, version: loaded.version });
    for (const definition of loaded.definitions) {
      const { name } = definition;
      const known = filters.some((filter) => filter.name === name);
      if (!known) {
        filters.push(definition);
        places.set(name, place);
        continue;
      }
      const before = places.get(name);
      const message = before
        ? `another plugin defines the filter "${name}", too`
        : `"${name}" is a filter of the gateway; a plugin needs a name of its own`;
      problems.error(place, path, message, before && [related(before, 'the other is here')]);
    }
  }
  return { files, filters };
}

async function load(
  file: string,
  place: Place,
  path: Path,
  problems: ProblemList,
): Promise<{ version: string; definitions: FilterDefinitionLike[] } | undefined> {
  let version: string;
  try {
    version = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
      .slice(0, 32);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'does not exist' : `cannot be read: ${reasonOf(error)}`;
    problems.error(place, path, `the plugin ${file} ${reason}`);
    return undefined;
  }
  let exported: readonly unknown[];
  try {
    exported = await importPlugin(file, version);
  } catch (error) {
    problems.error(place, path, `the plugin ${file} cannot be loaded: ${reasonOf(error)}`);
    return undefined;
  }
  const definitions: FilterDefinitionLike[] = [];
  for (const value of exported) {
    const fault = faultOf(value);
    if (fault === undefined) definitions.push(value as FilterDefinitionLike);
    else problems.error(place, path, `the plugin ${file} ${fault}`);
  }
  return { version, definitions };
}

/** The error in a value that should be a definition. */
function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) {
    return 'gives no filter; expected "export default defineFilter({ … })"';
  }
  const { name, summary, schema, create } = value as Record<string, unknown>;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(name)) {
    return 'gives a filter without a name of small letters, digits and "_"';
  }
  if (['if', 'then', 'else', 'when'].includes(name)) return `calls its filter "${name}"`;
  if (typeof create !== 'function') return `gives the filter "${name}" no function "create"`;
  if (typeof summary !== 'string') return `gives the filter "${name}" no text "summary"`;
  if (typeof schema !== 'object' || schema === null) {
    return `gives the filter "${name}" no "schema"`;
  }
  try {
    checkAgainst(schema, {});
    return undefined;
  } catch (error) {
    return `gives the filter "${name}" a bad schema: ${reasonOf(error)}`;
  }
}
