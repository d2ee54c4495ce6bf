/** What a storm's counts mean: which failures a killed worker excuses, and which nothing does. */
import type { FailureKind } from './connection.ts';
import type { DisturbanceRecord } from './disturbances.ts';
import type { StormResult } from './storm.ts';
import type { FailureRecord, Phase, PhaseReport } from './tally.ts';

export interface KindFindings extends PhaseReport {
  /** Answered and failed. */
  readonly requests: number;
  /** On connections that a killed worker had accepted. */
  readonly excused: number;
  /** All others. */
  readonly failed: Readonly<Partial<Record<FailureKind, number>>>;
  /** Connections reset while nothing was asked on them, which costs no request; not of killed workers. */
  readonly idleResets: number;
}

export interface Finding extends FailureRecord {
  /** The last disturbance before it. */
  readonly after: DisturbanceRecord | null;
}

export interface Findings {
  readonly kinds: Readonly<Record<string, Readonly<Record<Phase, KindFindings>>>>;
  /** Failures that nothing excuses. */
  readonly inexcusable: readonly Finding[];
  readonly total: Readonly<Record<Phase, { requests: number; failed: number; excused: number }>>;
}

/** Judges the failures of a storm. */
export function judgeStorm(result: StormResult): Findings {
  const reports = { ...result.clients.clients, ...result.probe.clients };
  const failures = [...result.clients.failures, ...result.probe.failures];
  const kinds: Record<string, Record<Phase, KindFindings>> = {};
  const total = {
    before: { requests: 0, failed: 0, excused: 0 },
    with: { requests: 0, failed: 0, excused: 0 },
  };
  for (const [kind, report] of Object.entries(reports)) {
    const of = (phase: Phase): KindFindings => {
      const own = failures.filter(
        ({ client, at }) => client === kind && at < result.disturbedAt === (phase === 'before'),
      );
      const found = count(report[phase], own, result);
      total[phase].requests += found.requests;
      total[phase].excused += found.excused;
      total[phase].failed += sum(found.failed);
      return found;
    };
    kinds[kind] = { before: of('before'), with: of('with') };
  }
  const inexcusable = failures
    .filter((failure) => failure.kind !== 'idle-reset' && !isExcused(failure, result))
    .map((failure) => ({
      ...failure,
      after: result.disturbances.findLast(({ at }) => at <= failure.at) ?? null,
    }));
  return { kinds, inexcusable, total };
}

function count(
  report: PhaseReport,
  failures: readonly FailureRecord[],
  result: StormResult,
): KindFindings {
  const failed: Partial<Record<FailureKind, number>> = {};
  let [excused, idleResets] = [0, 0];
  for (const failure of failures) {
    const excusable = isExcused(failure, result);
    if (failure.kind === 'idle-reset') idleResets += excusable ? 0 : 1;
    else if (excusable) excused += 1;
    else failed[failure.kind] = (failed[failure.kind] ?? 0) + 1;
  }
  return {
    ...report,
    requests: report.answered + excused + sum(failed),
    excused,
    failed,
    idleResets,
  };
}

/**
 * A connection that a killed worker had accepted may break, at once; it may not be left hanging, and
 * no answer may be wrong.
 */
function isExcused(failure: FailureRecord, { disturbances }: StormResult): boolean {
  if (!['reset', 'eof', 'truncated', 'idle-reset'].includes(failure.kind)) return false;
  return disturbances
    .flatMap(({ killings }) => killings)
    .some(({ at, ports }) => ports.has(failure.port) && failure.openedAt <= at && failure.at >= at);
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, each) => total + each, 0);
}
