import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { FieldTable } from './field.ts';

/** `_sys.…`; times are local. */
export const systemFields: FieldTable = {
  hostname: { read: () => hostname() },
  /** 1 to 12. */
  month_of_now: { read: () => new Date().getMonth() + 1 },
  /** 0 to 6, 0 is Sunday. */
  weekday_of_now: { read: () => new Date().getDay() },
  day_of_now: { read: () => new Date().getDate() },
  hour_of_now: { read: () => new Date().getHours() },
  minute_of_now: { read: () => new Date().getMinutes() },
  second_of_now: { read: () => new Date().getSeconds() },
  unix_timestamp_of_now: { read: () => Math.floor(Date.now() / 1000) },
  unix_timestamp_milli_of_now: { read: () => Date.now() },
};

/** `_util.…`: each reading gives another value. */
export const utilityFields: FieldTable = {
  generate_uuid: { read: () => randomUUID() },
  increment_id: {
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
