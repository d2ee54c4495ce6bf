import type { Path, Place, ProblemList } from '../problem.ts';
import { type Resolver, scalarFromText, substitute } from './substitution.ts';
import { didYouMean } from '../../suggest.ts';
import type { MapNode, Node } from './tree.ts';

/**
 * Resolves `$[[env.NAME]]`: the process environment first, then the `env` section, whose values may
 * themselves name others. Templates that belong to a request (`_ctx.…`) are left alone.
 */
export function environmentResolver(
  root: MapNode,
  environment: NodeJS.ProcessEnv,
  problems: ProblemList,
): Resolver {
  const section = root.entries.get('env')?.value;
  const defaults = section?.kind === 'map' ? section.entries : new Map();
  const open = new Set<string>();

  const resolve: Resolver = (name, place, path) => {
    if (name.startsWith('keystore.')) {
      problems.error(place, path, 'the keystore is not supported; use $[[env.NAME]] instead');
      return undefined;
    }
    if (!name.startsWith('env.')) return undefined;
    return variable(name.slice('env.'.length), place, path);
  };

  const variable = (name: string, place: Place, path: Path): Node | undefined => {
    const outside = environment[name];
    if (outside !== undefined) return scalarFromText(outside, place);
    const entry = defaults.get(name);
    if (!entry) {
      const hint = didYouMean(name, defaults.keys());
      const message = `the environment variable ${name} is not set, and "env" has no default for it`;
      problems.error(place, path, message + hint);
      return undefined;
    }
    if (open.has(name)) {
      problems.error(place, path, `the value of env.${name} contains itself`);
      return undefined;
    }
    open.add(name);
    const value = substitute(entry.value, resolve, ['env', name]);
    open.delete(name);
    return value;
  };

  return resolve;
}
