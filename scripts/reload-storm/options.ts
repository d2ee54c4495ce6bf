/** The command line. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type DisturbanceKind, disturbanceHelp, disturbanceKinds } from './disturbances.ts';
import { usualPatience } from './connection.ts';
import { kinds } from './kinds.ts';
import { type TargetName, targetNames } from './targets/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface StormOptions {
  readonly targets: readonly TargetName[];
  /** The whole time of clients at one target, ms. */
  readonly duration: number;
  /** The undisturbed part of it, ms. */
  readonly calm: number;
  readonly disturbances: number;
  readonly disturb: readonly DisturbanceKind[];
  /** Number of clients of each kind. */
  readonly clients: Readonly<Record<string, number>>;
  readonly workers: number;
  readonly reusePort: boolean;
  /** How long a client waits for the next byte, ms. */
  readonly patience: number;
  /** Evergate's command line. */
  readonly program: string;
  readonly json: boolean;
  readonly keep: boolean;
}

/** Those that the kernel lets be free of loss. */
const usual = disturbanceKinds.filter((kind) => kind !== 'restart' && kind !== 'kill-primary');

export const help = `usage: npm run storm -- [options]

Puts clients that never retry on a proxy, disturbs it, and counts what the clients see.

  --target NAME         ${targetNames.join(', ')} (default evergate)
  --against NAME,...    the same storm on these too, and one table of all
  --seconds N           time at each target, the calm first fifth included (default 30)
  --disturbances N      how many, evenly over the rest of the time (default 12)
  --every SECONDS       instead: one every so often
  --disturb KIND,...    kinds of disturbances, taken in turn (default: all that the target knows but
                        restart and kill-primary, which the kernel does not let be free of loss):
${list(disturbanceHelp)}
  --kinds KIND,...      kinds of clients (default: all):
                        ${Object.keys(kinds).join(', ')}
  --clients N           number of keep-alive clients, the others in proportion (default ${kinds['keep-alive']?.count}),
                        or of each kind: keep-alive=64,flood=2
  --workers N           worker processes, or threads (default 2)
  --reuse-port BOOL     one listening socket for each worker, where there is a choice (default true)
  --patience SECONDS    how long nothing may come before a client calls it a hang (default 10)
  --program FILE        evergate's command line (default src/cli.ts, the sources)
  --json                everything as JSON instead of tables
  --keep                leave the folder with configuration and logs, and say where it is
  --help

Exit code 1 when the target is evergate and any request failed that was not on a connection of a
killed worker, or anything else was not as it should be.
`;

function list(texts: Record<string, string>): string {
  return Object.entries(texts)
    .map(([name, text]) => `                        ${name.padEnd(12)} ${text}`)
    .join('\n');
}

/** Reads the arguments; null when help was asked for. Throws an Error that says what is wrong. */
export function readOptions(args: readonly string[]): StormOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: 'string', default: 'evergate' },
      against: { type: 'string', default: '' },
      seconds: { type: 'string', default: '30' },
      disturbances: { type: 'string', default: '12' },
      every: { type: 'string' },
      disturb: { type: 'string', default: usual.join(',') },
      kinds: { type: 'string', default: Object.keys(kinds).join(',') },
      clients: { type: 'string', default: '' },
      workers: { type: 'string', default: '2' },
      'reuse-port': { type: 'string', default: 'true' },
      patience: { type: 'string', default: `${usualPatience / 1000}` },
      program: { type: 'string', default: 'src/cli.ts' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const duration = number('--seconds', values.seconds, 1) * 1000;
  const calm = Math.min(15_000, duration / 5);
  const against = values.against === '' ? [] : values.against.split(',');
  return {
    targets: [values.target, ...against].map((name) => oneOf('--target', name, targetNames)),
    duration,
    calm,
    disturbances: values.every
      ? Math.max(1, Math.floor((duration - calm) / (number('--every', values.every, 0.1) * 1000)))
      : number('--disturbances', values.disturbances, 0),
    disturb: values.disturb.split(',').map((kind) => oneOf('--disturb', kind, disturbanceKinds)),
    clients: countClients(values.kinds.split(','), values.clients),
    workers: number('--workers', values.workers, 1),
    reusePort: oneOf('--reuse-port', values['reuse-port'], ['true', 'false']) === 'true',
    patience: number('--patience', values.patience, 0.1) * 1000,
    program: resolve(root, values.program),
    json: values.json,
    keep: values.keep,
  };
}

function countClients(chosen: readonly string[], text: string): Record<string, number> {
  const counts: Record<string, number> = {};
  const scale = /^\d+$/.test(text) ? Number(text) / (kinds['keep-alive']?.count ?? 1) : 1;
  for (const name of chosen) {
    const kind = oneOf('--kinds', name, Object.keys(kinds));
    counts[kind] = Math.max(1, Math.round((kinds[kind]?.count ?? 1) * scale));
  }
  if (text === '' || scale !== 1 || /^\d+$/.test(text)) return counts;
  for (const part of text.split(',')) {
    const [name = '', count = ''] = part.split('=');
    counts[oneOf('--clients', name, Object.keys(kinds))] = number('--clients', count, 0);
  }
  return counts;
}

function number(option: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < min) {
    throw new Error(`${option} takes a number from ${min}, not "${text}"`);
  }
  return value;
}

function oneOf<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (!found) throw new Error(`${option} takes ${known.join(', ')}, not "${value}"`);
  return found;
}
