import { Expression } from '../../context/expression.ts';
import type { Field } from '../../context/fields/rule.ts';
import { GatewayError } from '../../errors.ts';
import { compileNetworks } from '../../context/networks.ts';
import { comparableNumberOf, numberOf, textOf } from '../../context/value.ts';
import { type Compilation, isMap, never, type Operator, type Path, type Test } from './compile.ts';

export const operators: Readonly<Record<string, Operator>> = {
  equals: perField((field, expected, path, compilation) => {
    if (!isScalar(expected)) {
      const hint = Array.isArray(expected) ? '; for several values, use "in"' : '';
      return compilation.fail(path, `expected text, a number, true or false${hint}`);
    }
    const wanted = textOf(expected);
    return (context) => hasText(field.read(context), wanted);
  }),

  contains: perField(textual((wanted) => (text) => text.includes(wanted))),
  prefix: perField(textual((wanted) => (text) => text.startsWith(wanted))),
  suffix: perField(textual((wanted) => (text) => text.endsWith(wanted))),

  regexp: perField(
    textual((source) => {
      const expression = new Expression(source);
      return (text) => expression.test(text);
    }),
  ),

  range(value, path, compilation) {
    const tests = leavesOf(value, path, compilation).map(({ name, expected, path: at }) => {
      const dot = name.lastIndexOf('.');
      const compare = bounds.get(name.slice(dot + 1));
      if (!compare) {
        return compilation.fail(at, `expected lt, lte, gt or gte below "${name}"`);
      }
      const bound = numberOf(expected);
      if (Number.isNaN(bound)) return compilation.fail(at, 'expected a number');
      const field = compilation.field(name.slice(0, dot), at);
      if (!field) return never;
      const { read, alike } = field;
      return (context: Context) =>
        compare(comparableNumberOf(read(context)), bound) ||
        (alike !== null && compare(comparableNumberOf(alike(context)), bound));
    });
    return every(tests);
  },

  network: perField((field, expected, path, compilation) => {
    const networks = listOf(expected);
    if (!networks.every(isText))
      return compilation.fail(path, 'expected a network or a list of them');
    const isWithin = compilation.attempt(path, () => compileNetworks(networks));
    if (!isWithin) return never;
    return (context) => isWithin(textOf(field.read(context)));
  }),

  exists(value, path, compilation) {
    const names = listOf(value);
    if (names.length === 0 || !names.every(isText)) {
      return compilation.fail(path, 'expected a list of fields, like [_ctx.request.username]');
    }
    const fields = names.map((name, i) =>
      compilation.field(name, Array.isArray(value) ? [...path, i] : path),
    );
    return every(
      fields.map((field) => {
        if (!field) return never;
        return (context: Context) => isThere(field, context);
      }),
    );
  },

  in: perField((field, expected, path, compilation) => {
    if (!Array.isArray(expected) || !expected.every(isScalar)) {
      return compilation.fail(path, 'expected a list of values');
    }
    const wanted = new Set(expected.map(textOf));
    return (context) => {
      const value = field.read(context);
      return value !== undefined && value !== null && wanted.has(textOf(value));
    };
  }),

  cluster_available(value, path, compilation) {
    const names = listOf(value);
    if (names.length === 0 || !names.every(isText)) {
      return compilation.fail(path, 'expected a list of clusters');
    }
    return every(
      names.map((name, i) => {
        const at = Array.isArray(value) ? [...path, i] : path;
        const isAvailable = compilation.services.clusterAvailability(name);
        return isAvailable ?? compilation.fail(at, `there is no cluster "${name}"`);
      }),
    );
  },

  and: (value, path, compilation) => every(conditions(value, path, compilation)),

  or(value, path, compilation) {
    const tests = conditions(value, path, compilation);
    return (context) => {
      for (const test of tests) if (test(context)) return true;
      return false;
    };
  },

  not(value, path, compilation) {
    const test = compilation.condition(value, path);
    return (context) => !test(context);
  },
};

type Context = Parameters<Test>[0];

/** Compiles what one field is compared with. */
type Comparison = (field: Field, expected: unknown, path: Path, compilation: Compilation) => Test;

/** An operator whose fields must all compare well. */
function perField(compare: Comparison): Operator {
  return (value, path, compilation) =>
    every(
      leavesOf(value, path, compilation).map(({ name, expected, path: at }) => {
        const field = compilation.field(name, at);
        if (!field) return never;
        const test = compare(field, expected, at, compilation);
        const { alike } = field;
        if (alike === null) return test;
        const other = compare({ ...field, read: alike }, expected, at, compilation);
        return (context) => test(context) || other(context);
      }),
    );
}

/** A comparison with text; of a list, one text has to compare well. */
function textual(compile: (wanted: string) => (text: string) => boolean): Comparison {
  return (field, expected, path, compilation) => {
    if (!isScalar(expected)) {
      const hint = Array.isArray(expected) ? '; join several with "or"' : '';
      return compilation.fail(path, `expected text${hint}`);
    }
    const matches = compilation.attempt(path, () => compile(textOf(expected)));
    if (!matches) return never;
    return (context) => {
      const value = field.read(context);
      if (typeof value === 'string') return matches(value);
      if (Array.isArray(value)) return value.some((item) => matches(textOf(item)));
      return value !== undefined && value !== null && matches(textOf(value));
    };
  };
}

function conditions(value: unknown, path: Path, compilation: Compilation): Test[] {
  if (!Array.isArray(value) || value.length === 0) {
    return [compilation.fail(path, 'expected a list of conditions, each as "- operator: …"')];
  }
  return value.map((item, i) => compilation.condition(item, [...path, i]));
}

interface Leaf {
  readonly name: string;
  readonly expected: unknown;
  readonly path: Path;
}

/** The fields of an operator: `a.b: x` and `a: { b: x }` name the same one. */
function leavesOf(value: unknown, path: Path, compilation: Compilation): Leaf[] {
  if (!isMap(value) || Object.keys(value).length === 0) {
    compilation.fail(path, 'expected fields and values, like "_ctx.request.method: GET"');
    return [];
  }
  return Object.entries(value).flatMap(([name, expected]) => {
    const at = [...path, name];
    if (!isMap(expected)) return [{ name, expected, path: at }];
    const inner = leavesOf(expected, at, compilation);
    return inner.map((leaf) => ({ ...leaf, name: `${name}.${leaf.name}` }));
  });
}

function every(tests: readonly Test[]): Test {
  const [only] = tests;
  if (only && tests.length === 1) return only;
  return (context) => {
    for (const test of tests) if (!test(context)) return false;
    return true;
  };
}

const bounds: ReadonlyMap<string, (value: number, bound: number) => boolean> = new Map([
  ['lt', (value: number, bound: number) => value < bound],
  ['lte', (value: number, bound: number) => value <= bound],
  ['gt', (value: number, bound: number) => value > bound],
  ['gte', (value: number, bound: number) => value >= bound],
]);

function isThere(field: Field, context: Context): boolean {
  try {
    if (textOf(field.read(context)) !== '') return true;
    return field.alike !== null && textOf(field.alike(context)) !== '';
  } catch (error) {
    // What is too large to become a value is there.
    if (error instanceof GatewayError && error.code === 'JSON_VALUE_TOO_LARGE') return true;
    throw error;
  }
}

function hasText(value: unknown, wanted: string): boolean {
  return value !== undefined && value !== null && textOf(value) === wanted;
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
