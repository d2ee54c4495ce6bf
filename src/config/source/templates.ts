import type { SourceFile } from './files.ts';
import { type Path, type Place, type ProblemList, related } from '../problem.ts';
import { type Resolver, substitute } from './substitution.ts';
import { didYouMean } from '../../suggest.ts';
import { childOf, type MapNode, type Node } from './tree.ts';

/** One item of `configs.template`. */
export interface TemplateUse {
  /** As written. */
  readonly file: string;
  /** Where the file is named. */
  readonly place: Place;
  readonly path: Path;
  readonly variables: ReadonlyMap<string, Node>;
}

/** The templates that a file uses. The schema reports errors in them. */
export function templateUses(root: MapNode): TemplateUse[] {
  const list = childOf(childOf(root, 'configs'), 'template');
  if (list?.kind !== 'list') return [];
  return list.items.flatMap((item, index) => {
    const file = childOf(item, 'path');
    if (file?.kind !== 'scalar' || typeof file.value !== 'string') return [];
    const variables = new Map<string, Node>();
    const given = childOf(item, 'variable');
    if (given?.kind === 'map') {
      for (const [name, entry] of given.entries) variables.set(name, entry.value);
    }
    const path = ['configs', 'template', index, 'path'];
    return [{ file: file.value, place: file.place, path, variables }];
  });
}

/** The tree of a template file with its `$[[name]]` filled in. */
export function fillTemplate(
  tree: MapNode,
  source: SourceFile,
  use: TemplateUse,
  problems: ProblemList,
): MapNode {
  const resolve: Resolver = (name, place, path) => {
    const value = use.variables.get(name);
    // Names with a point are others' templates: env., _ctx. and so on.
    if (value || name.includes('.')) return value;
    const hint = didYouMean(name, use.variables.keys());
    const message = `the template variable "${name}" is not given${hint}`;
    problems.error(place, path, message, [related(use.place, `${source.name} is used here`)]);
    return undefined;
  };
  return substitute(tree, resolve) as MapNode;
}
