/** Renders the status of a gateway, whatever it contains, as an outline of text. */
export function renderStatus(status: unknown): string {
  return renderValue(readable(status), '').join('\n');
}

/** Bytes as megabytes; counts by name, and the times of a reload's workers, as words in one row. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (!isMap(value)) return value;
  if ('responses' in value) return readable(withCountsInWords(value));
  const { slot, took } = value;
  if (typeof slot === 'number' && typeof took === 'number') return `${slot} in ${took} ms`;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'memory' && typeof inner === 'number'
        ? `${(inner / 1024 / 1024).toFixed(1)} MB`
        : readable(inner),
    ]),
  );
}

/** An entry with `2xx 12, 5xx 1` in place of maps, and without durations, which are for programs. */
function withCountsInWords({
  responses,
  rejected,
  duration: _,
  ...rest
}: Record<string, unknown>): object {
  return { ...rest, rejected: countsInWords(rejected), answered: countsInWords(responses) };
}

function countsInWords(counts: unknown): string[] {
  return Object.entries((counts ?? {}) as Record<string, number>)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
}

function renderValue(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) return renderList(value, indent);
  if (!isMap(value)) return [`${indent}${renderScalar(value)}`];
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const width = Math.max(0, ...entries.map(([key]) => key.length));
  return entries.flatMap(([key, inner]) => {
    if (isFlat(inner)) return [`${indent}${key.padEnd(width)}  ${renderScalar(inner)}`];
    return [`${indent}${key}`, ...renderValue(inner, `${indent}  `)];
  });
}

/** Maps without inner maps become a table. */
function renderList(values: readonly unknown[], indent: string): string[] {
  if (values.length === 0) return [`${indent}none`];
  const rows = values.filter(isMap);
  if (rows.length < values.length || !rows.every(isTableRow)) {
    return values.flatMap((value, index) => [
      ...(index > 0 && !isFlat(value) ? [''] : []),
      ...renderValue(value, indent),
    ]);
  }
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const cells = rows.map((row) => columns.map((column) => renderScalar(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    indent +
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(columns), ...cells.map(line)];
}

function renderScalar(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return renderWords(value);
  return typeof value === 'object' ? JSON.stringify(value) : `${value as string | number}`;
}

/** Up to eight values on one line; of more, the first and their number. */
function renderWords(values: readonly unknown[]): string {
  if (values.length === 0) return '-';
  const more = values.length > 8 ? values.length - 1 : 0;
  const shown = values.slice(0, more > 0 ? 1 : 8).map(renderScalar);
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function isFlat(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => !isMap(item) && !Array.isArray(item));
  return !isMap(value) || Object.keys(value).length === 0;
}

function isTableRow(row: Record<string, unknown>): boolean {
  return Object.values(row).every(isFlat);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
