declare global {
  interface JSON {
    /** A value that is written as `text`, to the letter. */
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): value is { readonly rawJSON: string };
  }
}

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

/** The value at `path`, or undefined. A number that was kept as written comes as a number. */
export function readAt(root: unknown, path: JsonPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<string | number, unknown>)[step];
  }
  return JSON.isRawJSON(value) ? Number(value.rawJSON) : value;
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

/** Removes what stands at `path`; false when there is nothing. */
export function removeAt(root: unknown, path: JsonPath): boolean {
  const container = readAt(root, path.slice(0, -1));
  const step = path.at(-1) as string | number;
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, step)) {
    return false;
  }
  if (Array.isArray(container)) container.splice(Number(step), 1);
  else delete (container as Record<string | number, unknown>)[step];
  return true;
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
