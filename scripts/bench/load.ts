/** One run of load against one contestant: wrk for HTTP/1.1, h2load for HTTP/2. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * wrk counts in tables of 80 MB, which it gets from the system page by page, when it first counts
 * something there: on a virtual machine that can take milliseconds, in which it drives no load, and
 * which it then finds in the slowest hundredth of whoever it drives. So it gets them beforehand: the
 * C library fills memory that is to be empty when it is told to fill all other memory.
 */
const environment = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.perturb=1' };

export interface Load {
  readonly connections: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What to POST, as JSON; a GET when absent. */
  readonly body?: string;
  /** A new connection for each request. */
  readonly close?: boolean;
  readonly tls?: boolean;
  readonly h2?: boolean;
}

export interface Outcome {
  readonly requests: number;
  /** Answers that were errors, and connections that broke. */
  readonly errors: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Drives `load` for `seconds` from the processors given (a taskset list), or from any. */
export async function drive(
  load: Load,
  ports: { readonly port: number; readonly tlsPort: number },
  seconds: number,
  cpus: string | undefined,
  folder: string,
): Promise<Outcome> {
  const { connections, path } = load;
  const secure = load.tls === true || load.h2 === true;
  const url = `${secure ? 'https' : 'http'}://127.0.0.1:${secure ? ports.tlsPort : ports.port}${path}`;
  const times = join(folder, 'h2load.log');
  rmSync(times, { force: true });
  const command = load.h2
    ? `h2load -c ${connections} -m 1 -t 1 -D ${seconds} --log-file=${times}`
    : `wrk -t 1 -c ${connections} -d ${seconds}s --latency --timeout 10s -s ${script(load, folder)}`;
  const pinned = cpus ? `taskset -c ${cpus} ${command}` : command;
  const [program = '', ...args] = pinned.split(' ');
  const { stdout } = await run(program, [...args, url], { timeout: 120_000, env: environment });
  return load.h2 ? h2loadOutcome(stdout, readFileSync(times, 'utf8')) : wrkOutcome(stdout);
}

/** What wrk is to send and to print, in Lua. */
function script({ close, headers, body }: Load, folder: string): string {
  const fields = Object.entries({
    ...headers,
    ...(close && { Connection: 'close' }),
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
  });
  const lines = [
    ...fields.map(([name, value]) => `wrk.headers[${quote(name)}] = ${quote(value)}`),
    ...(body === undefined ? [] : [`wrk.method = "POST"`, `wrk.body = ${quote(body)}`]),
    `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %f %f\\n", summary.requests, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end`,
  ];
  const text = lines.join('\n');
  const file = join(folder, `${createHash('sha1').update(text).digest('hex')}.lua`);
  writeFileSync(file, text);
  return file;
}

/** JSON's escapes mean the same in Lua. */
function quote(text: string): string {
  return JSON.stringify(text);
}

function wrkOutcome(stdout: string): Outcome {
  const match = /^RESULT (\d+) (\d+) ([\d.]+) ([\d.]+)$/m.exec(stdout);
  if (!match) throw new Error(`wrk said:\n${stdout}`);
  const [requests = 0, errors = 0, p50 = 0, p99 = 0] = match.slice(1).map(Number);
  return { requests, errors, p50, p99 };
}

/** @param times a line for each request, which ends with its µs */
function h2loadOutcome(stdout: string, times: string): Outcome {
  const done = /requests: .*? (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(stdout);
  if (!done) throw new Error(`h2load said:\n${stdout}`);
  const [requests = 0, failed = 0, errored = 0] = done.slice(1).map(Number);
  const sorted = times
    .trim()
    .split('\n')
    .map((line) => Number(line.slice(line.lastIndexOf('\t') + 1)) / 1000)
    .sort((a, b) => a - b);
  const percentile = (share: number): number =>
    sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { requests, errors: failed + errored, p50: percentile(0.5), p99: percentile(0.99) };
}
