import { type Path, type Place, ProblemList } from '../problem.ts';
import { type Resolver, scalarFromText, substitute } from './substitution.ts';
import { didYouMean } from '../../suggest.ts';
import type { MapNode, Node } from './tree.ts';

/**
 * Resolves `$[[keystore.NAME]]` and `$[[env.NAME]]`: the process environment first, then, of the latter, the `env` section, whose values may
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

  const resolve: Resolver = (name, place, path, off) => {
    const reported = off ? new ProblemList() : problems;
    if (name.startsWith('keystore.')) {
      return secret(name.slice('keystore.'.length), place, path, reported);
    }
    if (!name.startsWith('env.')) return undefined;
    return variable(name.slice('env.'.length), place, path, reported);
  };

  /** There is no keystore: a secret of that name comes from the environment. */
  const secret = (
    name: string,
    place: Place,
    path: Path,
    reported: ProblemList,
  ): Node | undefined => {
    const value = environment[name];
    if (value !== undefined) return scalarFromText(value, place);
    const message = `there is no keystore here: set the environment variable ${name}, which stands in for it`;
    reported.error(place, path, message);
    return undefined;
  };

  const variable = (
    name: string,
    place: Place,
    path: Path,
    reported: ProblemList,
  ): Node | undefined => {
    const outside = environment[name];
    if (outside !== undefined) return scalarFromText(outside, place);
    const entry = defaults.get(name);
    if (!entry) {
      const hint = didYouMean(name, defaults.keys());
      const message = `the environment variable ${name} is not set, and "env" has no default for it`;
      reported.error(place, path, message + hint);
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
