/** One storm on one target: start everything, disturb, count, end everything. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';
import type { ToClients } from './clients.ts';
import { now } from './clock.ts';
import { type DisturbanceKind, type DisturbanceRecord, Disturber } from './disturbances.ts';
import type { StormOptions } from './options.ts';
import { Prober } from './prober.ts';
import { ended, killAllIn, processesIn } from './processes.ts';
import { Tally, type TallyReport } from './tally.ts';
import { createTarget, type TargetName } from './targets/index.ts';
import type { Target } from './targets/target.ts';

export interface StormResult {
  readonly target: TargetName;
  readonly title: string;
  /** Start of the clients, start of the disturbances, end; on the monotonic clock, ms. */
  readonly startedAt: number;
  readonly disturbedAt: number;
  readonly endedAt: number;
  readonly disturbances: readonly DisturbanceRecord[];
  /** Kinds of disturbances that were asked for and left out, and why. */
  readonly skipped: Readonly<Partial<Record<DisturbanceKind, string>>>;
  readonly clients: TallyReport;
  readonly probe: TallyReport;
  /** What else was not as it should be. */
  readonly problems: readonly string[];
  /** Where configuration and logs are, when they were to be kept. */
  readonly folder: string | null;
}

/** How long a target may take to start and to stop, ms. */
const PATIENCE = 120_000;

const folders = new Set<string>();

/** Ends every process of every storm at once, and removes their folders. */
export async function abandonStorms(): Promise<void> {
  for (const folder of folders) {
    await killAllIn(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one storm. Throws when it could not be run at all. */
export async function storm(name: TargetName, options: StormOptions): Promise<StormResult> {
  // Hidden, so that nobody who cleans up beside it (`rm /tmp/*`) takes it for a leftover.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), '.reload-storm-')));
  folders.add(folder);
  try {
    return await stormIn(folder, name, options);
  } finally {
    await killAllIn(folder);
    folders.delete(folder);
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
  }
}

async function stormIn(
  folder: string,
  name: TargetName,
  options: StormOptions,
): Promise<StormResult> {
  const { workers, reusePort, program, patience } = options;
  const backend = forkIn(folder, './backend.ts');
  const { port: backendPort } = await message<{ port: number }>(backend, PATIENCE);
  const port = await freePort();
  const target = createTarget(name, { folder, backendPort, port, workers, reusePort, program });
  const version = 1;
  target.save({ version, workers }, false);
  await target.start();
  await untilItServes(target, port, folder);

  const clients = forkIn(folder, './clients.ts');
  const tell = (what: ToClients): boolean => clients.send(what);
  const tally = new Tally();
  tally.enter('before', ['probe']);
  const prober = new Prober(port, tally, patience);
  const startedAt = now();
  tell({ type: 'start', port, patience, counts: options.clients });
  await sleep(options.calm);

  const disturbedAt = now();
  tell({ type: 'phase', phase: 'with' });
  tally.enter('with', ['probe']);
  const disturber = new Disturber(target, prober, port, workers, version);
  const { disturbances, skipped } = await disturb(disturber, options, disturbedAt);

  const reporting = message<TallyReport>(clients, patience + PATIENCE);
  tell({ type: 'stop' });
  const report = await reporting;
  await prober.stop();
  tally.finish();
  const endedAt = now();
  clients.kill('SIGKILL');
  const problems = disturbances.flatMap(({ kind, problem }) =>
    problem ? `${kind}: ${problem}` : [],
  );
  if (target.complaints) problems.push(...(await target.complaints()));
  problems.push(...(await stop(target, backend, folder)));
  return {
    target: name,
    title: target.title,
    startedAt,
    disturbedAt,
    endedAt,
    disturbances,
    skipped,
    clients: report,
    probe: tally.report(0),
    problems,
    folder: options.keep ? folder : null,
  };
}

async function disturb(
  disturber: Disturber,
  options: StormOptions,
  since: number,
): Promise<Pick<StormResult, 'disturbances' | 'skipped'>> {
  const skipped: Partial<Record<DisturbanceKind, string>> = {};
  const known: DisturbanceKind[] = [];
  for (const kind of options.disturb) {
    const reason = disturber.lacks(kind);
    if (reason === null) known.push(kind);
    else skipped[kind] = reason;
  }
  const time = options.duration - options.calm;
  const count = known.length > 0 ? options.disturbances : 0;
  const disturbances: DisturbanceRecord[] = [];
  for (let i = 0; i < count; i += 1) {
    // Each in the middle of its share of the time, or as soon as the one before is done: on a slow
    // machine the storm takes longer.
    await sleep(Math.max(0, since + (time * (i + 0.5)) / count - now()));
    const kind = known[i % known.length];
    if (!kind) continue;
    const { took, problem, ...rest } = await disturber.cause(kind);
    disturbances.push({ took, problem, ...rest });
    tellProgress(`${i + 1} of ${count}: ${kind} took ${took.toFixed(0)} ms`, problem);
  }
  await sleep(Math.max(1000, since + time - now()));
  return { disturbances, skipped };
}

/** Says on standard error how far the storm is. */
function tellProgress(what: string, problem: string | null): void {
  const time = new Date().toTimeString().slice(0, 8);
  process.stderr.write(`${time} ${what}${problem === null ? '' : `; ${problem}`}\n`);
}

/** Stops the target and sees that nothing of it stays; answers what went wrong with that. */
async function stop(target: Target, backend: ChildProcess, folder: string): Promise<string[]> {
  const problems: string[] = [];
  const others = new Set([backend.pid]);
  const left = (): number[] => processesIn(folder).filter((pid) => !others.has(pid));
  await target.stop();
  const deadline = now() + PATIENCE;
  while (left().length > 0 && now() < deadline) await sleep(20);
  if (left().length > 0) problems.push(`${left().length} processes left after the stop`);
  backend.kill('SIGKILL');
  await ended(backend, PATIENCE);
  return problems;
}

async function untilItServes(target: Target, port: number, folder: string): Promise<void> {
  const tally = new Tally();
  const prober = new Prober(port, tally);
  const uptake = await prober.until(1, now(), PATIENCE);
  await prober.stop();
  if (uptake) return;
  const log = readFileSync(join(folder, `${target.name}.log`), 'utf8').slice(-2000);
  throw new Error(`${target.title} does not serve: ${tally.failures.at(-1)?.detail}\n${log}`);
}

function forkIn(folder: string, module: string): ChildProcess {
  return fork(fileURLToPath(new URL(module, import.meta.url)), [folder], {
    cwd: folder,
    execArgv: [],
  });
}

/** The next message of a forked process. */
async function message<T>(child: ChildProcess, patience: number): Promise<T> {
  const signal = AbortSignal.timeout(patience);
  const gone = once(child, 'exit', { signal }).then(() => {
    throw new Error('a process of the storm itself ended');
  });
  gone.catch(() => {});
  const [first] = (await Promise.race([once(child, 'message', { signal }), gone])) as [T];
  return first;
}
