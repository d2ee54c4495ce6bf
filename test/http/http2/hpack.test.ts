import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HpackDecoder } from '../../../src/http/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http/http2/hpack/encoder.ts';
import type { FieldName } from '../../../src/http/http2/hpack/field-name.ts';
import {
  decodeHuffman,
  encodeHuffman,
  huffmanSize,
} from '../../../src/http/http2/hpack/huffman.ts';
import { ConnectionError, ErrorCode } from '../../../src/http/http2/frames/protocol.ts';
import { isIllegalValue } from '../../../src/http/headers/syntax.ts';

/** Keeps what it is given. */
class Kept {
  room = 1 << 20;
  isOver = false;
  illegal = 0;
  readonly fields: string[] = [];

  overflow(): void {
    this.isOver = true;
  }

  field(name: FieldName, value: string, line: string, isLegal: boolean): void {
    if (line !== '') assert.equal(line, `${name.text}: ${value}\r\n`);
    if (!isLegal) this.illegal++;
    this.fields.push(`${name.text}: ${value}`);
  }
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

function decode(decoder: HpackDecoder, bytes: Buffer, kept = new Kept()): Kept {
  decoder.decode(bytes, 0, bytes.length, kept);
  return kept;
}

function encode(encoder: HpackEncoder, fields: readonly string[] | string): Buffer {
  const bytes = Buffer.alloc(HpackEncoder.roomFor(fields));
  encoder.begin(bytes, 0);
  encoder.fields(fields);
  return Buffer.from(bytes.subarray(0, encoder.end()));
}

/** Numbers that look random and are the same each time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const requests = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [
    ':method: GET',
    ':scheme: http',
    ':path: /',
    ':authority: www.example.com',
    'cache-control: no-cache',
  ],
  [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ],
];
const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
const responses = [
  [':status: 302', 'cache-control: private', `date: ${date}`, 'location: https://www.example.com'],
  [':status: 307', 'cache-control: private', `date: ${date}`, 'location: https://www.example.com'],
  [
    ':status: 200',
    'cache-control: private',
    `date: ${date.replace(':21 ', ':22 ')}`,
    'location: https://www.example.com',
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
];
/** The table of the responses has 256 bytes. */
const small = '3fe101';
/** Of RFC 7541, appendix C, by section. */
const vectors: Record<string, { blocks: string[]; fields: string[][] }> = {
  'C.2.1': {
    blocks: ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'],
    fields: [['custom-key: custom-header']],
  },
  'C.2.2': { blocks: ['040c 2f73 616d 706c 652f 7061 7468'], fields: [[':path: /sample/path']] },
  'C.2.3': {
    blocks: ['1008 7061 7373 776f 7264 0673 6563 7265 74'],
    fields: [['password: secret']],
  },
  'C.2.4': { blocks: ['82'], fields: [[':method: GET']] },
  'C.3': {
    blocks: [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    fields: requests,
  },
  'C.4': {
    blocks: [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    fields: requests,
  },
  'C.5': {
    blocks: [
      `${small} 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
       2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04
       677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49
       553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ],
    fields: responses,
  },
  'C.6': {
    blocks: [
      `${small} 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b
       ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7
       821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed
       4ee5 b106 3d50 07`,
    ],
    fields: responses,
  },
};

suite('HPACK', () => {
  for (const [section, { blocks, fields }] of Object.entries(vectors)) {
    test(`the examples of RFC 7541, ${section}`, () => {
      const decoder = new HpackDecoder();
      const read = blocks.map((block) => decode(decoder, bytesOf(block)).fields);
      assert.deepEqual(read, fields);
    });
  }

  test('every byte is packed and unpacked, alone and beside others', () => {
    const next = random(1);
    const texts = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    for (let i = 0; i < 500; i++) {
      const codes = Array.from({ length: next(40) }, () => next(256));
      texts.push(String.fromCharCode(...codes));
    }
    for (const text of texts) {
      const bytes = Buffer.alloc(huffmanSize(text) + 2, 0xaa);
      const end = encodeHuffman(text, bytes, 1);
      assert.equal(end, bytes.length - 1);
      assert.equal(bytes[end], 0xaa);
      assert.equal(decodeHuffman(bytes, 1, end), text);
    }
  });

  test('packed text is refused when it is padded too long, not by ones, or has the end in it', () => {
    for (const hex of ['1fff', '18', '3ffffffff', 'ffffffff']) {
      const bytes = bytesOf(hex.length % 2 === 0 ? hex : `${hex}f`);
      assert.equal(decodeHuffman(bytes, 0, bytes.length), null, hex);
    }
    assert.equal(decodeHuffman(bytesOf('1f'), 0, 1), 'a');
  });

  test('what the encoder writes is read again, over many blocks and sizes of the table', () => {
    const next = random(7);
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    const names = [
      'content-type',
      'date',
      'x-a',
      'x-b',
      'etag',
      'set-cookie',
      'Authorization',
      'N',
    ];
    let indexed = 0;
    for (let block = 0; block < 3_000; block++) {
      if (next(50) === 0) {
        encoder.limitTable(next(6_000));
        if (next(2) === 0) encoder.limitTable(next(6_000));
      }
      const fields: string[] = [];
      for (let i = next(12); i > 0; i--) {
        const length = next(20) === 0 ? next(700) : next(6);
        const value = Array.from({ length }, () => String.fromCharCode(33 + next(4)));
        fields.push(names[next(names.length)] as string, value.join(''));
      }
      const lines = fields.reduce(
        (text, part, i) => text + part + (i % 2 === 0 ? ': ' : '\r\n'),
        '',
      );
      const bytes = encode(encoder, next(2) === 0 ? fields : lines);
      for (const byte of bytes) if (byte >= 0xbe) indexed++;
      const expected: string[] = [];
      for (let i = 0; i < fields.length; i += 2) {
        expected.push(`${fields[i]?.toLowerCase()}: ${fields[i + 1]}`);
      }
      assert.deepEqual(decode(decoder, bytes).fields, expected);
    }
    assert.ok(indexed > 500, `${indexed} bytes named a field of the table`);
  });

  test('a field is indexed when its value comes again, and then takes one byte', () => {
    const encoder = new HpackEncoder();
    const fields = ['x-seen-twice', 'the same value'];
    const sizes = [1, 2, 3].map(() => encode(encoder, fields).length);
    assert.ok((sizes[0] as number) > 20 && (sizes[1] as number) > 15, sizes.join());
    assert.equal(sizes[2], 1);
  });

  test('secrets never come into a table, and changing values do not fill it', () => {
    const encoder = new HpackEncoder();
    for (const name of ['authorization', 'cookie', 'set-cookie', 'proxy-authorization']) {
      for (let i = 0; i < 3; i++) {
        const [first = 0, second = 0] = encode(encoder, [name, 'secret']);
        // "Literal Header Field Never Indexed", with the name's index.
        assert.equal(first, 0x1f, name);
        assert.ok(second > 0);
      }
    }
    for (let i = 0; i < 3; i++) assert.equal((encode(encoder, ['etag', 'x'])[0] ?? 0) >> 4, 0);
  });

  test('fields of a connection are not written, blanks around values neither', () => {
    const decoder = new HpackDecoder();
    const encoder = new HpackEncoder();
    const bytes = encode(encoder, [
      'Connection',
      'close',
      'Upgrade',
      'h2c',
      'X',
      ' y\t',
      'Te',
      'trailers',
    ]);
    assert.deepEqual(decode(decoder, bytes).fields, ['x: y', 'te: trailers']);
  });

  test('a block that is given up leaves the tables of both sides alike', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    const good = ['x-kept', 'value'];
    for (let i = 0; i < 3; i++) decode(decoder, encode(encoder, good));
    for (const bad of [
      ['x', 'a\nb'],
      ['x y', 'a'],
      ['', 'a'],
    ]) {
      encoder.begin(Buffer.alloc(500), 0);
      assert.throws(() => encoder.fields(['x-new', 'a', 'x-new', 'a', ...bad]), TypeError);
      encoder.abandon();
      assert.deepEqual(decode(decoder, encode(encoder, good)).fields, ['x-kept: value']);
      assert.deepEqual(decode(decoder, encode(encoder, ['x-new', 'a'])).fields, ['x-new: a']);
    }
  });

  test('malformed blocks end the connection', () => {
    const cases = {
      'index 0': '80',
      'an index beyond the table': 'be',
      'a name beyond the table': '7f00 0161',
      'a number without an end': 'ff',
      'a number that is too large': 'ffffffffffff7f',
      'a number with many empty bytes': `ff${'80'.repeat(20)}00`,
      'a field without a value': '4001 61',
      'a string beyond the block': '4001 6105 61',
      'a table that is too large': '3fe2 1f',
      'a table size after a field': '8220',
      'three table sizes': '2020 20',
    };
    for (const [name, hex] of Object.entries(cases)) {
      assert.throws(
        () => decode(new HpackDecoder(), bytesOf(hex)),
        (error) => error instanceof ConnectionError && error.code === ErrorCode.compressionError,
        name,
      );
    }
  });

  test('a bomb is not unpacked: what has no room costs no string', () => {
    const decoder = new HpackDecoder();
    const value = 'b'.repeat(3_900);
    const first = Buffer.concat([bytesOf('4001 61 7f bd1d'), Buffer.from(value)]);
    assert.deepEqual(decode(decoder, first).fields, [`a: ${value}`]);
    const kept = new Kept();
    kept.room = 32 << 10;
    decode(decoder, Buffer.alloc(16_000, 0xbe), kept);
    assert.equal(kept.isOver, true);
    assert.equal(kept.fields.length, 8);
    // The tables stay right: the next block is read as ever.
    assert.deepEqual(decode(decoder, bytesOf('be82')).fields, [`a: ${value}`, ':method: GET']);
  });

  test('values are judged alike, wherever they come from', () => {
    const values = [
      '',
      'a',
      ' a',
      'a ',
      '\ta',
      'a\tb',
      'a\nb',
      'a\rb',
      'a\0b',
      '\x7f',
      '\xff',
      '\x01',
    ];
    for (const value of values) {
      const isBlank = value !== value.replaceAll(/^[ \t]+|[ \t]+$/g, '');
      const expected = isIllegalValue(value) || isBlank ? 1 : 0;
      for (const first of [0x00, 0x40]) {
        const text = Buffer.from(value, 'latin1');
        const literal = Buffer.concat([Buffer.from([first, 1, 0x61, text.length]), text]);
        assert.equal(decode(new HpackDecoder(), literal).illegal, expected, JSON.stringify(value));
      }
    }
  });
});
