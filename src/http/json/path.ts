/** Steps into a JSON value: names, and indexes of lists. */
export type JsonPath = readonly (string | number)[];

/** Reads `query.must.[1].match` and `query.must[1].match`, which are the same. */
export function parseJsonPath(text: string): JsonPath {
  const steps: (string | number)[] = [];
  for (const part of text.split('.')) {
    const name = /^[^[]*/.exec(part)?.[0] ?? '';
    if (name !== '') steps.push(name);
    for (const [, index] of part.matchAll(/\[(\d+)\]/g)) steps.push(Number(index));
  }
  return steps;
}

/** The value at `path`, or undefined. */
export function readAt(root: unknown, path: JsonPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/**
 * Puts `value` at `path`, which is not empty; makes the objects and lists on the way. An index
 * behind the end of a list appends.
 */
export function writeAt(root: object, path: JsonPath, value: unknown): void {
  let container = root;
  const last = path.length - 1;
  for (let i = 0; i < last; i++) {
    const inner = readAt(container, [path[i] as string | number]);
    if (typeof inner === 'object' && inner !== null) {
      container = inner;
      continue;
    }
    const made = typeof path[i + 1] === 'number' ? [] : {};
    put(container, path[i] as string | number, made);
    container = made;
  }
  put(container, path[last] as string | number, value);
}

function put(container: object, step: string | number, value: unknown): void {
  const key = Array.isArray(container) ? Math.min(Number(step), container.length) : step;
  // Defined, not assigned: `__proto__` is a name like any other here.
  Object.defineProperty(container, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
