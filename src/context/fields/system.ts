import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { DocumentedRule, FieldTable } from './rule.ts';

/** `_sys.…`; times are local. */
export const systemFields: FieldTable = {
  hostname: {
    type: 'string',
    description: 'Name of the host that the gateway runs on.',
    read: () => hostname(),
  },
  month_of_now: now('Month, 1 to 12.', (date) => date.getMonth() + 1),
  weekday_of_now: now('Day of the week, 0 to 6; 0 is Sunday.', (date) => date.getDay()),
  day_of_now: now('Day of the month.', (date) => date.getDate()),
  hour_of_now: now('Hour, 0 to 23.', (date) => date.getHours()),
  minute_of_now: now('Minute, 0 to 59.', (date) => date.getMinutes()),
  second_of_now: now('Second, 0 to 59.', (date) => date.getSeconds()),
  unix_timestamp_of_now: now('Seconds since 1970.', (date) => Math.floor(date.getTime() / 1000)),
  unix_timestamp_milli_of_now: now('Milliseconds since 1970.', (date) => date.getTime()),
};

function now(description: string, of: (date: Date) => number): DocumentedRule {
  return { type: 'integer', description, read: () => of(new Date()) };
}

/** `_util.…`: each reading gives another value. */
export const utilityFields: FieldTable = {
  generate_uuid: { type: 'string', description: 'A new UUID.', read: () => randomUUID() },
  increment_id: {
    type: 'string',
    description:
      'A number that grows with each use and is unique over all workers, reloads and restarts. Append a name for a sequence of its own. INFINI Gateway counts 1, 2, 3; this number has up to 63 bits, so write it into JSON as text: many readers round numbers above 2^53.',
    read: () => nextId('default'),
    below: (bucket) => ({ read: () => nextId(bucket) }),
  },
};

/** 2025-01-01, so that ids fit 63 bits until 2094. */
const epoch = 1_735_689_600_000;
const lastIds = new Map<string, number>();

/**
 * An id that grows, and that no other worker gives out, also none of an earlier start: milliseconds
 * (or one more than the last time) in the high bits, the process in the low ones.
 */
function nextId(bucket: string): string {
  const tick = Math.max(Date.now() - epoch, (lastIds.get(bucket) ?? 0) + 1);
  lastIds.set(bucket, tick);
  return ((BigInt(tick) << 22n) | BigInt(process.pid & 0x3fffff)).toString();
}
