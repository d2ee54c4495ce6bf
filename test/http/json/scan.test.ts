import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BodyDocument } from '../../../src/http/json/document.ts';
import { JsonFault } from '../../../src/http/json/fault.ts';
import { type JsonPath, parseJsonPath, readAt } from '../../../src/http/json/path.ts';
import { JsonScan } from '../../../src/http/json/scan.ts';

const bytesOf = (text: string | Buffer): Buffer => Buffer.from(text as string);

/** The value of `size`, or why the text is none. */
function sizeIn(text: string | Buffer): unknown {
  const document = new BodyDocument(bytesOf(text));
  const value = document.read(['size']);
  return document.fault?.message ?? value;
}

suite('JSON as Elasticsearch takes it', () => {
  const taken: [name: string, text: string | Buffer][] = [
    ['plain', '{"size":500}'],
    ['blanks', ' \t\r\n{ "size" : 500 } \n'],
    ['an exponent', '{"size":5e2}'],
    ['a fraction', '{"size":500.0}'],
    ['an escaped name', '{"s\\u0069ze":500}'],
    ['a comment before', '/**/{"size":500}'],
    ['a comment after', '{"size":500}//'],
    ['a comment in between', '{/*"size":1,*/"size"/**/:/***/500/* */}'],
    ['comments to the end of their lines', '//{"size":1}\n{"size"://\r500}// x'],
    ['comment marks in a string', '{"a":"/*","size":500,"b":"*/"}'],
    ['a byte order mark', '\ufeff{"size":500}'],
    ['after what has the same name inside', '{"a":{"size":1},"b":[{"size":2}],"size":500}'],
    ['after escaped quotes', '{"a":"\\\\\\"}","size":500}'],
    ['1,000 levels', `{"a":${'['.repeat(999)}${']'.repeat(999)},"size":500}`],
  ];
  for (const [name, text] of taken) {
    test(`takes ${name}`, () => assert.equal(sizeIn(text), 500));
  }

  const refused: [name: string, text: string | Buffer, reason: RegExp][] = [
    ['a comma too many', '{"size":500,}', /unexpected character, at byte 12/],
    ['a comma too many in a list', '{"a":[1,],"size":500}', /unexpected character, at byte 8/],
    ['a comma at the start', '{,"size":500}', /unexpected/],
    ['no comma', '{"a":1 "size":500}', /unexpected/],
    ['no colon', '{"size" 500}', /unexpected/],
    ['no value', '{"size":}', /unexpected/],
    ['an open string', '{"size":"500}', /does not end/],
    ['an open object', '{"size":500', /ends too early/],
    ['an open comment', '{"size":500}/*', /does not end/],
    ['the wrong bracket', '{"size":500]', /unexpected/],
    ['a second value', '{"size":500}{"size":1}', /something follows the value, at byte 12/],
    ['text after the value', '{"size":500}x', /something follows/],
    ['a name twice', '{"size":1,"a":2,"s\\u0069ze":500}', /is there twice/],
    ['NaN', '{"a":NaN,"size":500}', /unexpected/],
    ['a plus sign', '{"size":+500}', /unexpected/],
    ['a number without end', `{"size":${'5'.repeat(1001)}}`, /too many digits/],
    ['a leading zero', '{"size":0500}', /unexpected/],
    ['no digits after the point', '{"size":500.}', /bad number/],
    ['a hexadecimal number', '{"size":0x1f4}', /unexpected/],
    ['single quotes', "{'size':500}", /unexpected/],
    ['a name without quotes', '{size:500}', /unexpected/],
    ['a control character', '{"a":"\t","size":500}', /control character/],
    ['a bad escape', '{"a":"\\x41","size":500}', /bad escape/],
    ['half an escape', '{"a":"\\u00', /bad escape/],
    ['a word that is none', '{"a":nul,"size":500}', /unexpected/],
    ['words run together', '{"a":truefalse,"size":500}', /unexpected/],
    ['a comment of another kind', '# x\n{"size":500}', /unexpected/],
    ['bytes that are not UTF-8', Buffer.from('{"a":"\xfc","size":500}', 'latin1'), /not UTF-8/],
    ['an overlong form', Buffer.from('{"\xc1\xb3ize":500}', 'latin1'), /not UTF-8/],
    ['UTF-16', Buffer.from('{"size":500}', 'utf16le'), /unexpected/],
    ['UTF-16 with a mark', Buffer.from('\ufeff{"size":500}', 'utf16le'), /not UTF-8/],
    ['YAML', '---\nsize: 500\n', /bad number/],
    ['1,001 levels', '['.repeat(1001), /more than 1000 levels, at byte 1000/],
    ['100,000 levels', `{"a":${'['.repeat(100_000)}`, /more than 1000 levels/],
    ['a zero', '{"size":500}\0', /something follows/],
  ];
  for (const [name, text, reason] of refused) {
    test(`refuses ${name}`, () => assert.match(String(sizeIn(text)), reason));
  }

  for (const text of ['', ' \n', '/* */', '\ufeff//']) {
    test(`${JSON.stringify(text)} is no value, and no fault`, () => {
      assert.equal(sizeIn(text), undefined);
    });
  }
});

/** Numbers that look random and are the same each time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomText(next: (below: number) => number, depth = 0): string {
  const blank = ['', '', '', ' ', '\n'][next(5)] as string;
  const inner = (): string => randomText(next, depth + 1);
  const many = Array.from({ length: depth > 4 ? 0 : next(4) });
  switch (next(8)) {
    case 0:
    case 1:
      return `{${blank}${many.map((_, i) => `"${'abc'[i]}"${blank}:${inner()}`).join()}}`;
    case 2:
      return `[${blank}${many.map(inner).join(`${blank},`)}]`;
    case 3:
      return ['0', '-1', '1.5', '2e3', '12E-1', '-0.0'][next(6)] as string;
    case 4:
      return ['true', 'false', 'null'][next(3)] + blank;
    default:
      return ['""', '"a"', '"\\u0061"', '"\\n\\""', '"\u00fc"', '"{[/*"'][next(6)] as string;
  }
}

test('agrees with JSON.parse on random texts, whole and with a byte changed', () => {
  const next = randomNumbers(42);
  const alphabet = '{}[],:"\\ 0-.etrn/*a\u0001';
  let faults = 0;
  for (let round = 0; round < 30_000; round++) {
    let text = randomText(next);
    if (round % 2 === 1) {
      const at = next(text.length + 1);
      text = text.slice(0, at) + alphabet[next(alphabet.length)] + text.slice(at + next(2));
    }
    const paths = ['a', 'b.a', '[0]', 'a.[1]', 'c.[0].b'].map(parseJsonPath);
    let expected: unknown;
    let isJson = true;
    try {
      expected = JSON.parse(text);
    } catch {
      isJson = false;
    }
    const document = new BodyDocument(Buffer.from(text));
    const values = paths.map((path) => document.read(path));
    if (document.fault !== null) faults++;
    // JSON.parse knows no comments, and takes a name twice.
    if (!isJson && (/\/[*/]/.test(text) || text.trim() === '')) continue;
    if (document.fault?.message.includes('twice')) continue;
    assert.equal(document.fault === null, isJson, text);
    if (isJson) {
      assert.deepEqual(
        values,
        paths.map((path) => readAt(expected, path)),
        text,
      );
    }
  }
  assert.ok(faults > 5000, `${faults} of the texts were broken`);
});

test('reads in parts of any size what it reads at once', () => {
  const blanks = ' \n/**/ //x\n/* y */\t '.repeat(5);
  const text = `${blanks}{"a":[1,${blanks}{"b":"${'x'.repeat(70)}\\n"}],/* */"c":{"d":[true,null,"y"]}} `;
  const paths: JsonPath[] = [['c', 'd', 2], ['a']];
  for (let size = 1; size < 60; size++) {
    const scan = new JsonScan(Buffer.from(text), paths);
    let turns = 1;
    while (!scan.advance(size)) turns++;
    assert.ok(turns <= text.length);
    const { start, end } = scan.root.along(['c', 'd', 2]).at(-1) ?? {};
    assert.equal(text.slice(start, end), '"y"');
  }
  const broken = new JsonScan(Buffer.from(text.slice(0, -3)), paths);
  assert.throws(() => {
    while (!broken.advance(3));
  }, JsonFault);
});

// Each is some megabytes of which a step looks at a few bytes; to look at the rest every time would
// take minutes.
const repeated = ['//\r', '//\n', '/**/', '//\r\n', ' /*\r*/ '];
for (const comment of repeated) {
  test(`reads a text full of ${JSON.stringify(comment)}`, { timeout: 30_000 }, () => {
    const text = `${comment.repeat((8 << 20) / comment.length)}{"size":500}`;
    assert.equal(new BodyDocument(Buffer.from(text)).read(['size']), 500);
  });
}

suite('edits', () => {
  const set = (text: string, path: string, value: unknown): string | false => {
    const document = new BodyDocument(Buffer.from(text));
    return document.write(parseJsonPath(path), value) && document.toBuffer().toString();
  };
  const cases: [text: string, path: string, value: unknown, expected: string | false][] = [
    ['{"b":1,"1":3}', 'b', 2, '{"b":2,"1":3}'],
    ['{"b":1,"1":3}', 'c', 2, '{"b":1,"1":3,"c":2}'],
    [
      '{ "a" : 1.0 , "b" : -9223372036854775808 }',
      'a',
      2,
      '{ "a" : 2 , "b" : -9223372036854775808 }',
    ],
    ['{/*x*/}', 'a.b', 1, '{"a":{"b":1}/*x*/}'],
    ['{"a":1 // one\n}', 'b', 2, '{"a":1,"b":2 // one\n}'],
    ['{"a":[1,2]}', 'a.[1]', 3, '{"a":[1,3]}'],
    ['{"a":[1,2]}', 'a.[9]', 3, '{"a":[1,2,3]}'],
    ['{"a":[]}', 'a.[9].b', 3, '{"a":[{"b":3}]}'],
    ['{"a":[1]}', 'a.b', 3, '{"a":[1]}'],
    ['{"a":1}', 'a.b.[0]', 3, '{"a":{"b":[3]}}'],
    ['{"a":null}', 'a', { x: [] }, '{"a":{"x":[]}}'],
    ['', 'a.b', 1, '{"a":{"b":1}}'],
    ['// nothing', 'a', 1, '{"a":1}'],
    ['5', 'a', 1, false],
    ['[1]', '[0]', 'x', '["x"]'],
    ['{"a":1}', '__proto__.x', 1, '{"a":1,"__proto__":{"x":1}}'],
    ['{"a":1,"b":2}', 'a', undefined, '{"b":2}'],
    ['{"a":1,"b":2}', 'b', undefined, '{"a":1}'],
    ['{"a":1}', 'a', undefined, '{}'],
    ['{"a":[1,2,3]}', 'a.[1]', undefined, '{"a":[1,3]}'],
    ['{"a":[1 , 2 ,3]}', 'a.[0]', undefined, '{"a":[2 ,3]}'],
    ['{"a":{"b":1},"c":2}', 'a.b', undefined, '{"a":{},"c":2}'],
  ];
  for (const [text, path, value, expected] of cases) {
    test(`${path} of ${text} becomes ${JSON.stringify(value)}`, () => {
      assert.equal(set(text, path, value), expected);
    });
  }

  test('a random text keeps its other values', () => {
    const next = randomNumbers(7);
    for (let round = 0; round < 3000; round++) {
      const text = `{"z":0,"a":${randomText(next)},"y":1}`;
      for (const path of ['a', 'a.b', 'a.[1].c', 'n.m']) {
        const steps = parseJsonPath(path);
        const edited = set(text, path, 'new') as string;
        const { z, y } = JSON.parse(edited) as Record<string, unknown>;
        assert.deepEqual([z, y], [0, 1]);
        const document = new BodyDocument(Buffer.from(edited));
        if (edited !== text && !path.includes('[')) assert.equal(document.read(steps), 'new');
        if (document.remove(steps)) JSON.parse(document.toBuffer().toString());
      }
    }
  });
});
