/** What each kind of filter adds to a request, in one gateway that has a flow for each. */
import { type Case } from './cases.ts';
import { evergateCommand } from './contestants.ts';
import type { Load } from './load.ts';
import { end, start, untilListening } from './processes.ts';
import { median, ratio } from './report.ts';
import { type Plan, processors, takeTurns, type Turn } from './rounds.ts';
import type { Setting, Stage } from './stage.ts';

export interface FilterCost {
  readonly name: string;
  /** µs of processor time a request. */
  readonly cost: number;
  /** µs more than the same request through a flow that only proxies. */
  readonly more: number;
  /** Times that request's cost. */
  readonly times: number;
}

interface Kind {
  readonly name: string;
  /** Filters of its flow, in YAML. */
  readonly filters: readonly string[];
  readonly load?: Partial<Load>;
}

const proxy = 'elasticsearch: { elasticsearch: bench }';
const json = JSON.stringify({ query: { match: { title: 'Emma' } }, size: 10, from: 0 });
const posted: Partial<Load> = { body: json };
const plain: Kind = { name: 'the proxying filter alone', filters: [proxy] };
const plainPost: Kind = { name: 'the same, POST', filters: [proxy], load: posted };

const kinds: readonly Kind[] = [
  { name: '`echo`, no node asked', filters: ['echo: { message: found }'] },
  {
    name: '`set_response`, no node asked',
    filters: ['set_response: { status: 200, content_type: text/plain, body: found }'],
  },
  {
    name: '`set_request_header`',
    filters: ['set_request_header: { headers: ["X-Gateway -> evergate"] }', proxy],
  },
  {
    name: '`set_response_header`',
    filters: [proxy, 'set_response_header: { headers: ["X-Gateway -> evergate"] }'],
  },
  {
    name: 'a condition on a header field and the path, not met',
    filters: [
      'drop: { when: { and: [ { prefix: { _ctx.request.path: /kinds } }, { equals: { _ctx.request.header.X-Drop: "yes" } } ] } }',
      proxy,
    ],
  },
  {
    name: 'a condition on the JSON body, not met',
    filters: ['drop: { when: { range: { _ctx.request.body_json.size.gt: 1000 } } }', proxy],
    load: posted,
  },
  {
    name: '`basic_auth`',
    filters: ['basic_auth: { valid_users: { reader: change-me } }', proxy],
    load: { headers: { Authorization: `Basic ${btoa('reader:change-me')}` } },
  },
  {
    name: '`request_client_ip_limiter`',
    filters: ['request_client_ip_limiter: { max_requests: 100000000 }', proxy],
  },
  {
    name: '`request_path_limiter`',
    filters: [
      'request_path_limiter: { rules: [ { pattern: "/kinds/(?P<kind>\\\\w+)", group: kind, max_qps: 100000000 } ] }',
      proxy,
    ],
  },
  {
    name: '`context_regex_replace` of the path',
    filters: [
      'context_regex_replace: { context: _ctx.request.path, pattern: "^/kinds/(\\\\w+)", to: "/bench/$1" }',
      proxy,
    ],
  },
  {
    name: '`request_body_json_set`',
    filters: ['request_body_json_set: { path: ["size -> 100"] }', proxy],
    load: posted,
  },
  {
    name: '`response_body_regex_replace`',
    filters: [proxy, 'response_body_regex_replace: { pattern: took, to: spent }'],
  },
  { name: '`logging` to a file', filters: [proxy, 'logging: { queue_name: requests }'] },
  { name: '`dump` of the URL', filters: ['dump: { uri: true }', proxy] },
  { name: '`clone`, two nodes asked', filters: ['clone: { flows: [plain, plain] }'] },
  { name: '`flow`', filters: ['flow: { flow: plain }'] },
  {
    name: '`switch` by the path',
    filters: [
      'switch: { path_rules: [ { prefix: no, flow: plain }, { prefix: kinds, flow: plain } ], continue: false }',
    ],
  },
  {
    name: '`ratio`, a tenth elsewhere',
    filters: ['ratio: { ratio: 0.1, flow: plain, continue: false }', proxy],
  },
];

/** Those whose cost depends on the number of workers. */
const shared = kinds.filter(({ name }) => name.includes('client_ip_limiter'));

/** Measures every kind with one worker, and those that workers share with two. */
export async function measureFilters(
  program: string,
  stage: Stage,
  plan: Plan,
  wanted: (name: string) => boolean,
): Promise<FilterCost[]> {
  const one = [plain, plainPost, ...kinds.filter(({ name }) => wanted(name))];
  const two = [plain, ...shared.filter(({ name }) => wanted(name))];
  return [
    ...(await measureKinds(one, 1, program, stage, plan)),
    ...(two.length > 1 ? await measureKinds(two, 2, program, stage, plan) : []),
  ];
}

async function measureKinds(
  all: readonly Kind[],
  workers: Case['workers'],
  program: string,
  stage: Stage,
  plan: Plan,
): Promise<FilterCost[]> {
  const own = await stage.setting('filters', workers);
  const command = kindsCommand(program, own, all);
  const cpus = processors(plan, workers);
  const child = start(command, cpus.proxy);
  const named = ({ name }: Kind): string => (workers === 1 ? name : `${name}, ${workers} workers`);
  try {
    await untilListening(own.port);
    const turns = all.map((kind, i): Turn => {
      const load = { connections: 64, path: `/kinds/kind${i}`, ...kind.load };
      return { name: named(kind), pid: child.pid ?? 0, ports: own, load, cpus: cpus.load };
    });
    const runs = await takeTurns(turns, plan);
    const costs = (kind: Kind): number[] => runs.get(named(kind))?.map(({ cost }) => cost) ?? [];
    return all.map((kind) => {
      const cost = costs(kind);
      const base = costs(kind.load?.body === undefined ? plain : plainPost);
      const more = median(cost.map((value, round) => value - (base[round] ?? Number.NaN)));
      return { name: named(kind), cost: median(cost), more, times: ratio(cost, base) };
    });
  } finally {
    await end(child);
  }
}

/** Writes the configuration of a gateway with a flow for each kind; answers its command line. */
export function kindsCommand(program: string, setting: Setting, all = kinds): string[] {
  return evergateCommand(program, setting, rules(all), flows(all));
}

function rules(all: readonly Kind[]): string {
  return all
    .map((_, i) => `      - { method: "*", pattern: "/kinds/kind${i}", flow: kind${i} }`)
    .join('\n');
}

function flows(all: readonly Kind[]): string {
  const flow = (name: string, filters: readonly string[]): string =>
    `  - name: ${name}\n    filter:\n${filters.map((filter) => `      - ${filter}`).join('\n')}`;
  const targets = ['plain', 'proxy'].map((name) => flow(name, plain.filters));
  return [...targets, ...all.map(({ filters }, i) => flow(`kind${i}`, filters))].join('\n');
}
