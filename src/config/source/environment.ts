import type { Path, Place, ProblemList } from '../problem.ts';
import { type Resolver, scalarFromText, substitute } from './substitution.ts';
import { didYouMean } from '../../suggest.ts';
import type { MapNode, Node } from './tree.ts';

/**
 * Resolves `$[[env.NAME]]`: the process environment first, then the `env` section, whose values may
 * themselves name others. There is no keystore: `$[[keystore.NAME]]` is the process environment's, too.
 * Templates that belong to a request (`_ctx.…`) are left alone.
 */
export function environmentResolver(
  root: MapNode,
  environment: NodeJS.ProcessEnv,
  problems: ProblemList,
): Resolver {
  const section = root.entries.get('env')?.value;
  const defaults = section?.kind === 'map' ? section.entries : new Map();
  const open = new Set<string>();

  const resolve: Resolver = (template, place, path, off) => {
    const [, kind, name = ''] = /^(env|keystore)\.(.*)$/.exec(template) ?? [];
    if (kind === undefined) return undefined;
    const outside = environment[name];
    if (outside !== undefined) return scalarFromText(outside, place);
    const entry = kind === 'env' ? defaults.get(name) : undefined;
    if (entry) return fromSection(name, entry.value, place, path, off);
    if (off) return undefined;
    const message =
      kind === 'env'
        ? `the environment variable ${name} is not set, and "env" has no default for it${didYouMean(name, defaults.keys())}`
        : `there is no keystore here: set the environment variable ${name}, which stands in for it`;
    problems.error(place, path, message);
    return undefined;
  };

  const fromSection = (
    name: string,
    given: Node,
    place: Place,
    path: Path,
    off: boolean,
  ): Node | undefined => {
    if (open.has(name)) {
      problems.error(place, path, `the value of env.${name} contains itself`);
      return undefined;
    }
    open.add(name);
    const value = substitute(given, resolve, ['env', name], off);
    open.delete(name);
    return value;
  };

  return resolve;
}
