import { type Path, related } from '../problem.ts';
import { childOf, nodeAt, placeAt } from '../source/tree.ts';
import type { FlowUse, Scope } from './scope.ts';

interface Edge extends FlowUse {
  readonly from: string;
  /** Whether each request that comes by goes there. */
  readonly always: boolean;
}

/** Filters whose flows run for each request that comes to them. */
const running = new Set<unknown>(['flow', 'clone']);

/**
 * Reports flows that lead back to themselves. That is an error where no condition stands in between,
 * and else a warning: the condition may end it.
 */
export function checkCircles(uses: readonly FlowUse[], names: readonly string[], scope: Scope) {
  const edges = uses.flatMap((use): Edge[] => {
    const from = names[use.path[1] as number];
    return from === undefined ? [] : [{ ...use, from, always: isAlways(use.path, scope) }];
  });
  const reported = new Set<string>();
  for (const always of [true, false]) {
    const followed = always ? edges.filter((edge) => edge.always) : edges;
    for (const name of names) {
      if (reported.has(name)) continue;
      const circle = circleThrough(name, followed);
      if (circle === null || circle.some(({ from }) => reported.has(from))) continue;
      for (const { from } of circle) reported.add(from);
      report(circle, always, scope);
    }
  }
}

function report(circle: readonly Edge[], always: boolean, { root, problems }: Scope): void {
  const [first, ...others] = circle as [Edge, ...Edge[]];
  const chain = [...circle.map(({ from }) => from), first.from].join(' → ');
  const places = others.map(({ from, path, flow }) =>
    related(placeAt(root, path), `here "${from}" runs "${flow}"`),
  );
  const place = placeAt(root, first.path);
  if (always) {
    const message = `the flows run each other without end: ${chain}`;
    problems.error(place, first.path, message, places);
  } else {
    const message = `the flows can run each other again and again: ${chain}; a request that runs through too many gets 508`;
    problems.warning(place, first.path, message, places);
  }
}

/** The shortest way from a flow back to itself. */
function circleThrough(name: string, edges: readonly Edge[]): readonly Edge[] | null {
  const ways: Edge[][] = edges.filter(({ from }) => from === name).map((edge) => [edge]);
  const seen = new Set<string>();
  for (const way of ways) {
    const { flow } = way.at(-1) as Edge;
    if (flow === name) return way;
    if (seen.has(flow)) continue;
    seen.add(flow);
    for (const edge of edges) if (edge.from === flow) ways.push([...way, edge]);
  }
  return null;
}

/** `flow[0].filter[1].flow.flows[0]`, and no condition on the way. */
function isAlways(path: Path, { root }: Scope): boolean {
  const at = path.findIndex((step, index) => index > 2 && typeof step === 'string');
  if (!running.has(path[at]) || path.includes('context_flow')) return false;
  return childOf(nodeAt(root, path.slice(0, at + 1)), 'when') === undefined;
}
