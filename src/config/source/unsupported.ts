import type { Path, ProblemList } from '../problem.ts';
import { unsupportedSections } from '../schema/infini.ts';
import { childOf, isOff, keyPlaceAt, type MapNode, type Node } from './tree.ts';

/** Something that is switched on, and that the configuration was perhaps written for. */
interface Missing {
  readonly path: Path;
  readonly what: string;
}

/**
 * The configuration without the sections of INFINI Gateway that are not supported. One that only
 * sets something is left out with a warning; where it asks for work to be done that is an error,
 * unless `ignored`.
 */
export function leaveOutUnsupported(
  root: MapNode,
  ignored: boolean,
  problems: ProblemList,
): MapNode {
  const entries = new Map(root.entries);
  for (const [name, { place, value }] of root.entries) {
    if (name === 'plugins') entries.set(name, { place, value: withoutModules(value, problems) });
    if (!unsupportedSections.has(name)) continue;
    entries.delete(name);
    const missing = missingIn(name, value, root);
    for (const { path, what } of ignored ? [] : missing) {
      const message = `${what} is not supported yet; switch it off, or go on without it by --ignore-unsupported`;
      problems.error(keyPlaceAt(root, path), path, message);
    }
    if (missing.length > 0 && !ignored) continue;
    if (isOff(value) || (name === 'pipeline' && missing.length === 0)) continue;
    const message = `the section "${name}" is not supported yet; it is left out`;
    problems.warning(place, [name], message);
  }
  return { ...root, entries };
}

function missingIn(section: string, value: Node, root: MapNode): Missing[] {
  if (section === 'pipeline') return pipelinesOf(value, root);
  if (section === 'floating_ip' || section === 'force_merge') {
    return isTrue(childOf(value, 'enabled')) ? [{ path: [section], what: `"${section}"` }] : [];
  }
  if (section === 'disk_queue' && !isOff(value) && isTrue(childOf(value, 'upload_to_s3'))) {
    return [{ path: [section, 'upload_to_s3'], what: 'keeping messages in S3' }];
  }
  return [];
}

/** The pipelines that are not switched off, each by itself or all by `preference`. */
function pipelinesOf(value: Node, root: MapNode): Missing[] {
  const preference = childOf(childOf(root, 'preference'), 'pipeline_enabled_by_default');
  const items = value.kind === 'list' ? value.items : [];
  return items.flatMap((item, index) => {
    const enabled = childOf(item, 'enabled') ?? preference;
    if (enabled?.kind === 'scalar' && enabled.text === 'false') return [];
    const name = childOf(item, 'name');
    const what = name?.kind === 'scalar' ? `the pipeline "${name.text}"` : 'a pipeline';
    return [{ path: ['pipeline', index, 'name'], what }];
  });
}

function isTrue(node: Node | undefined): boolean {
  return node?.kind === 'scalar' && node.text === 'true';
}

/** `plugins` without the parts of INFINI Gateway that it switches on and off there. */
function withoutModules(plugins: Node, problems: ProblemList): Node {
  if (plugins.kind !== 'list') return plugins;
  const items = plugins.items.filter((item, index) => {
    const name = childOf(item, 'name');
    if (name?.kind !== 'scalar') return true;
    const message = `"${name.text}" is a part of INFINI Gateway: switching it on or off has no effect here`;
    problems.warning(item.place, ['plugins', index], message);
    return false;
  });
  return { ...plugins, items };
}
