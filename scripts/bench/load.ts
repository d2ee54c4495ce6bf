/** One run of load against one contestant: wrk for HTTP/1.1, h2load for HTTP/2. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Load {
  readonly connections: number;
  readonly path: string;
  /** Bytes to POST; a GET when absent. */
  readonly post?: number;
  /** A new connection for each request. */
  readonly close?: boolean;
  readonly tls?: boolean;
  readonly h2?: boolean;
}

export interface Outcome {
  readonly requests: number;
  /** Answers that were errors, and connections that broke. */
  readonly errors: number;
  /** Milliseconds; NaN where the tool does not tell. */
  readonly p50: number;
  readonly p99: number;
  readonly bytes: number;
}

/** Drives `load` for `seconds` from the processors given. */
export async function drive(
  load: Load,
  ports: { plain: number; tls: number },
  seconds: number,
  cpus: string | undefined,
  folder: string,
): Promise<Outcome> {
  const secure = load.tls === true || load.h2 === true;
  const url = `${secure ? 'https' : 'http'}://127.0.0.1:${secure ? ports.tls : ports.plain}${load.path}`;
  const pinned = cpus ? ['taskset', '-c', cpus] : ['env'];
  return load.h2
    ? await h2load([
        ...pinned,
        'h2load',
        '-c',
        `${load.connections}`,
        '-m',
        '1',
        '-t',
        '1',
        '-D',
        `${seconds}`,
        url,
      ])
    : await wrk([
        ...pinned,
        'wrk',
        '-t',
        '1',
        '-c',
        `${load.connections}`,
        '-d',
        `${seconds}s`,
        '--latency',
        '--timeout',
        '10s',
        '-s',
        script(load, folder),
        url,
      ]);
}

function script(load: Load, folder: string): string {
  const file = join(folder, `load-${load.post ?? 0}-${load.close ? 'close' : 'keep'}.lua`);
  const lines = [
    load.close ? 'wrk.headers["Connection"] = "close"' : '',
    load.post
      ? `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = string.rep("x", ${load.post})`
      : '',
    `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.bytes, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end`,
  ];
  writeFileSync(file, lines.join('\n'));
  return file;
}

async function wrk(command: readonly string[]): Promise<Outcome> {
  const [program = '', ...args] = command;
  const { stdout } = await run(program, args, { timeout: 120_000 });
  const match = /^RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)$/m.exec(stdout);
  if (!match) throw new Error(`wrk said:\n${stdout}`);
  const [requests = 0, errors = 0, bytes = 0, p50 = 0, p99 = 0] = match.slice(1).map(Number);
  return { requests, errors, bytes, p50, p99 };
}

async function h2load(command: readonly string[]): Promise<Outcome> {
  const [program = '', ...args] = command;
  const { stdout } = await run(program, args, { timeout: 120_000 });
  const done = /requests: .*? (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(stdout);
  if (!done) throw new Error(`h2load said:\n${stdout}`);
  const [succeeded = 0, failed = 0] = done.slice(1).map(Number);
  return { requests: succeeded, errors: failed, bytes: 0, p50: Number.NaN, p99: Number.NaN };
}
