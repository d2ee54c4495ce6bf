import type { NodeStatus } from './clusters.ts';
import { reloadResults } from '../reload/record.ts';
import type { EntryStatus, GatewayStatus } from './types.ts';

/** Media type of the text format of Prometheus. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number, suffix?: string];

/** One metric, of everything that has it. */
interface Family {
  /** Without the prefix `evergate_`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The state of a gateway in the text format of Prometheus. */
export function renderMetrics(status: GatewayStatus): string {
  const families = [
    ...ofProgram(status),
    ...ofEntries(status),
    ...ofClusters(status),
    ...ofWorkers(status),
    ...ofChanges(status),
  ];
  return families.map(render).join('');
}

function ofProgram({ version, state, lostLines, not_ready }: GatewayStatus): Family[] {
  const { node } = process.versions;
  const began = Math.round(performance.timeOrigin / 1000);
  return [
    gauge('build_info', 'Version of the gateway, and of Node.js.', [[{ version, node }, 1]]),
    gauge('start_time_seconds', 'When the primary process began.', [[{}, began]]),
    gauge(
      'ready',
      'Whether workers that respond serve every entry, and the gateway is not stopping.',
      [[{}, not_ready === null ? 1 : 0]],
    ),
    gauge('stopping', 'Whether the gateway finishes its connections to end.', [
      [{}, state === 'stopping' ? 1 : 0],
    ]),
    counter(
      'log_lines_lost_total',
      'Log lines that were dropped, because their reader or the disk took no more.',
      Object.entries({ stdout: 0, ...lostLines }).map(([log, count]) => [{ log }, count]),
    ),
  ];
}

function ofEntries({ entries, certificates }: GatewayStatus): Family[] {
  const all = (value: (entry: EntryStatus) => number): Sample[] =>
    entries.map((entry) => [{ entry: entry.name }, value(entry)]);
  return [
    gauge(
      'entry_connections',
      'Open connections.',
      all(({ connections }) => connections),
    ),
    gauge(
      'entry_connections_limit',
      'Connections that may be open: max_concurrency.',
      all((entry) => entry.max_concurrency),
    ),
    counter(
      'entry_connections_refused_total',
      'Connections refused, over a limit or for their address.',
      all(({ refused }) => refused),
    ),
    counter(
      'entry_rejections_total',
      'Clients turned away before there was a request of them, by the reason (of a request, 408: head_timeout, 431: head_too_large, else malformed).',
      entries.flatMap(({ name, rejected }) =>
        Object.entries(rejected).map(([reason, count]): Sample => [{ entry: name, reason }, count]),
      ),
    ),
    gauge(
      'certificate_expiry_seconds',
      'When a certificate expires, in seconds since 1970.',
      certificates.map(({ entry, names, file, validTo }) => [
        { entry, server_name: names.join(','), file },
        validTo / 1000,
      ]),
    ),
    gauge(
      'entry_requests',
      'Requests under way.',
      all(({ requests }) => requests),
    ),
    counter(
      'entry_requests_total',
      'Requests.',
      all(({ total }) => total),
    ),
    counter(
      'entry_responses_total',
      'Requests that are over, by their response; none where the client went away before.',
      entries.flatMap(({ name, responses }) =>
        Object.entries(responses).map(([kind, count]) => [{ entry: name, class: kind }, count]),
      ),
    ),
    {
      name: 'entry_request_duration_seconds',
      type: 'histogram',
      help: 'Time from the head of a request to the end of its response.',
      samples: entries.flatMap(durationSamples),
    },
  ];
}

function durationSamples({ name, duration }: EntryStatus): Sample[] {
  const labels = { entry: name };
  const { seconds, buckets } = duration;
  return [
    ...buckets.map(({ le, count }): Sample => [{ ...labels, le }, count, '_bucket']),
    [labels, seconds, '_sum'],
    [labels, buckets.at(-1)?.count ?? 0, '_count'],
  ];
}

function ofClusters({ clusters }: GatewayStatus): Family[] {
  const all = (value: (node: NodeStatus) => number | null): Sample[] =>
    clusters.flatMap(({ name, nodes }) =>
      nodes.flatMap((node): Sample[] => {
        const known = value(node);
        return known === null ? [] : [[{ cluster: name, node: node.origin }, known]];
      }),
    );
  return [
    gauge(
      'cluster_available',
      'Whether every worker can use the cluster.',
      clusters.map(({ name, available }) => [{ cluster: name }, available ? 1 : 0]),
    ),
    gauge(
      'node_up',
      'What the last check of a node has shown; absent where none is made.',
      all(({ check }) => (check === 'unknown' ? null : Number(check === 'up'))),
    ),
    gauge(
      'node_left_out_workers',
      'Workers that give a node no requests, for it failed.',
      all((node) => node.left_out_by),
    ),
    gauge(
      'node_requests',
      "Requests that wait for a node's answer.",
      all((node) => node.in_flight),
    ),
    counter(
      'node_requests_total',
      'Requests that a node was given.',
      all(({ requests }) => requests),
    ),
    counter(
      'node_failures_total',
      'Requests that a node failed: no connection, no answer in time, a broken one, 502 to 504.',
      all(({ failures }) => failures),
    ),
  ];
}

function ofWorkers({ workers, draining, crashes, hangs }: GatewayStatus): Family[] {
  const unresponsive = [...workers, ...draining].filter(({ stage }) => stage === 'unresponsive');
  return [
    gauge('workers', 'Worker processes.', [
      [{ state: 'serving' }, workers.filter(({ stage }) => stage === 'ready').length],
      [{ state: 'draining' }, draining.filter(({ stage }) => stage === 'draining').length],
      [{ state: 'unresponsive' }, unresponsive.length],
    ]),
    gauge(
      'worker_resident_memory_bytes',
      'Memory of a worker that serves, pages that it shares with others included.',
      workers.flatMap(({ slot, memory }): Sample[] =>
        memory === null ? [] : [[{ worker: slot }, memory]],
      ),
    ),
    counter('worker_crashes_total', 'Workers that ended unasked.', [[{}, crashes]]),
    counter('worker_hangs_total', 'Workers that were killed because they no longer responded.', [
      [{}, hangs],
    ]),
  ];
}

function ofChanges({ generation, changes, reloads }: GatewayStatus): Family[] {
  const last = reloads.at(-1);
  const worked = last?.result === 'done' || last?.result === 'unchanged';
  return [
    gauge('config_generation', 'Number of the configuration in force.', [[{}, generation]]),
    counter(
      'config_changes_total',
      'Starts, reloads and upgrades, by result.',
      reloadResults.map((result) => [{ result }, changes[result]]),
    ),
    gauge(
      'config_last_change_successful',
      'Whether the last change was taken up.',
      last ? [[{}, worked ? 1 : 0]] : [],
    ),
    gauge(
      'config_last_change_time_seconds',
      'When the last change began.',
      last ? [[{}, Date.parse(last.startedAt) / 1000]] : [],
    ),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples };
}

function render({ name, type, help, samples }: Family): string {
  if (samples.length === 0) return '';
  const lines = samples.map(
    ([labels, value, suffix = '']) => `evergate_${name}${suffix}${renderLabels(labels)} ${value}`,
  );
  const head = [`# HELP evergate_${name} ${help}`, `# TYPE evergate_${name} ${type}`];
  return `${[...head, ...lines].join('\n')}\n`;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(`${value}`)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
