/** A list that came as lines is the same list as one that came as an array, whatever is done to it. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fieldLine, nameBit, parseLines } from '../../../src/http/headers/raw-lines.ts';
import { HeaderList } from '../../../src/http/headers/header-list.ts';
import { dropOfConnection, staysHere } from '../../../src/http/headers/hop-by-hop.ts';

const names = ['Host', 'accept', 'X-Gateway', 'x-gateway', 'Y-Gateway', 'Date', 'X-Empty'];
const ofConnection = ['Connection', 'Keep-Alive', 'TE', 'Content-Length', 'Expect', 'Trailer'];

/** A list of these fields that holds them as lines. */
function asLines(fields: readonly string[]): HeaderList {
  let all = '';
  let passed = '';
  let bits = 0;
  for (let i = 0; i < fields.length; i += 2) {
    const [name = '', value = ''] = fields.slice(i, i + 2);
    all += fieldLine(name, value);
    if (!staysHere(name)) passed += fieldLine(name, value);
    bits |= nameBit(name);
  }
  return new HeaderList({ all, passed, names: bits });
}

function pick<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)] as T;
}

/** One look at a list, or one change. */
type Step = (list: HeaderList) => unknown;

function someStep(random: () => number): Step {
  const name = pick([...names, ...ofConnection], random);
  const value = pick(['', 'close', 'a: b', 'keep-alive', 'caf\xe9', 'a\r\nb'], random);
  const steps: readonly Step[] = [
    (list) => list.get(name),
    (list) => list.getAll(name),
    (list) => list.getJoined(name),
    (list) => list.has(name),
    (list) => list.size,
    (list) => list.append(name, value),
    (list) => list.set(name, value),
    (list) => list.remove(name),
    (list) => list.removeOfConnection(),
    (list) => list.clone().asArray(),
    (list) => {
      const seen: string[] = [];
      list.forEach((...field) => seen.push(...field));
      return seen;
    },
  ];
  return pick(steps, random);
}

suite('a list of header fields', () => {
  test('is the same, whether it came as lines or as an array', () => {
    let goesOn = 0;
    for (let run = 0; run < 3000; run++) {
      const fields: string[] = [];
      for (let i = Math.random() * 6; i > 1; i--) {
        const name = pick([...names, 'Connection', 'Content-Length'], Math.random);
        fields.push(
          name,
          name === 'Connection' ? 'keep-alive' : pick(['', '1', 'b c'], Math.random),
        );
      }
      const lines = asLines(fields);
      const array = new HeaderList([...fields]);
      for (let i = Math.random() * 6; i > 1; i--) {
        const step = someStep(Math.random);
        // What is dropped of lines counts no more, but is still there.
        if (!String(step).includes('.size')) {
          assert.deepEqual(step(lines), step(array), `${String(step)} of ${fields.join('|')}`);
        }
      }
      const { passed } = lines;
      if (passed !== null) {
        goesOn++;
        const rest = [...array.asArray()];
        dropOfConnection(rest);
        const left = rest.flatMap((name, i) =>
          i % 2 === 0 && !staysHere(name) ? [name, rest[i + 1]] : [],
        );
        assert.deepEqual(parseLines(passed), left);
      }
      assert.deepEqual(lines.asArray(), array.asArray());
      assert.equal(lines.passed, null, 'whoever has the array may change it');
    }
    assert.ok(goesOn > 500);
  });

  test('counts the characters of all fields', () => {
    const fields = ['Host', 'a', 'X-B', ''];
    assert.equal(asLines(fields).size, 16);
    assert.equal(new HeaderList(fields).size, 16);
  });

  test('takes new lines only if it has none of their names', () => {
    const more = { all: 'X-A: 1\r\n', passed: 'X-A: 1\r\n', names: nameBit('X-A') };
    const without = asLines(['Host', 'a']);
    assert.ok(without.appendNew(more, ['X-A']));
    assert.equal(without.get('x-a'), '1');
    assert.equal(without.passed, 'X-A: 1\r\n');
    for (const has of [asLines(['Host', 'a', 'x-a', '2']), new HeaderList(['Host', 'a'])]) {
      assert.ok(!has.appendNew(more, ['X-A']));
      assert.notEqual(has.get('x-a'), '1');
    }
  });
});
