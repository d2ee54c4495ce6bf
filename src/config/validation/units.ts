const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const byteUnits: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/**
 * Milliseconds of `30s`, `500ms`, `1h30m`, or of a bare number of seconds, as the dialect has it for
 * every key; undefined when it is none of these.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return positive(value * 1000);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (isBareNumber(text)) return parseDuration(Number(text));
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, name] of text.matchAll(/([\d.]+)(ms|[smhd])/g)) {
    total += Number(amount) * (durationUnits[name as string] as number);
  }
  return positive(total);
}

/** Bytes of `10mb`, `512kb` (units of 1024), or of a bare number; undefined when it is neither. */
export function parseBytes(value: unknown): number | undefined {
  if (typeof value === 'number') return positive(value);
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/.exec(value.trim().toLowerCase());
  if (!match) return undefined;
  return positive(Number(match[1]) * (byteUnits[match[2] ?? 'b'] as number));
}

/** Whether a duration is given without a unit. */
export function isBareNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value));
}

function positive(value: number): number | undefined {
  const whole = Math.round(value);
  return Number.isSafeInteger(whole) && value >= 0 ? whole : undefined;
}
