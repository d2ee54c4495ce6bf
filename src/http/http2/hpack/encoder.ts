import { Buffer } from 'node:buffer';
import { isIllegalValue } from '../../headers/syntax.ts';
import { type EncodedName, encodedName, Policy } from './encoded-name.ts';
import { encodeHuffman, huffmanSize } from './huffman.ts';
import { defaultTableSize, fieldOverhead, staticTable } from './table.ts';

/** A field in the table of the other side. */
interface Indexed {
  readonly line: string;
  readonly size: number;
}

const statusName = 8;
const statusIndices = new Map<number, number>();
const pseudoIndices = new Map<string, number>();
for (const [place, { name, value }] of staticTable.entries()) {
  if (name.text === ':status') statusIndices.set(Number(value), place + 1);
  if (name.text.startsWith(':') && value !== '') pseudoIndices.set(name.text + value, place + 1);
}
/** Bytes that a field takes at most beyond its name and value. */
const overhead = 16;

/**
 * Writes blocks of fields (RFC 7541). A field whose line has been indexed costs one look-up; a field
 * is indexed when its value is met for the second time in a row, so that values that never come again
 * do not drive others out of the table.
 */
export class HpackEncoder {
  /** Absolute numbers of the fields in the table, by line. */
  readonly #numbers = new Map<string, number>();
  readonly #indexed: Indexed[] = [];
  /** Fields that have ever left the table. */
  #evicted = 0;
  #size = 0;
  #maxSize = defaultTableSize;
  /** The smallest size since the last block, where the other side has yet to be told; else -1. */
  #smallest = -1;
  #bytes: Buffer = nothing;
  #at = 0;

  /** Bytes that fields in a flat array take at most. */
  static roomFor(fields: readonly string[] | string): number {
    // The shortest line has five characters.
    if (typeof fields === 'string') return 2 * fields.length + 8 * overhead;
    let room = (4 + fields.length / 2) * overhead;
    for (const text of fields) room += text.length;
    return room;
  }

  /** The other side allows a table of so many bytes. */
  limitTable(size: number): void {
    const limit = Math.min(size, defaultTableSize);
    if (limit === this.#maxSize && this.#smallest < 0) return;
    this.#smallest = this.#smallest < 0 ? limit : Math.min(this.#smallest, limit);
    this.#maxSize = limit;
    this.#evictTo(limit);
  }

  /** Begins a block at `at`, where there is room for all of it. */
  begin(bytes: Buffer, at: number): void {
    this.#bytes = bytes;
    this.#at = at;
    if (this.#smallest < 0) return;
    if (this.#smallest < this.#maxSize) this.#integer(0x20, 0x1f, this.#smallest);
    this.#integer(0x20, 0x1f, this.#maxSize);
    this.#smallest = -1;
  }

  /** Ends the block; answers the index after it. */
  end(): number {
    this.#bytes = nothing;
    return this.#at;
  }

  /** What was written since `begin` is not sent: the other side's table begins anew. */
  abandon(): void {
    this.#bytes = nothing;
    this.#evictTo(0);
    this.#smallest = 0;
  }

  status(status: number): void {
    const index = statusIndices.get(status);
    if (index !== undefined) {
      this.#integer(0x80, 0x7f, index);
      return;
    }
    this.#integer(0x00, 0x0f, statusName);
    this.#string(`${status}`, false);
  }

  /** A pseudo-header field of a request. */
  pseudo(name: string, value: string): void {
    const index = pseudoIndices.get(name + value);
    if (index !== undefined) this.#integer(0x80, 0x7f, index);
    else if (name === ':path') this.#literal(encodedPseudo(name), value, 0x00, 0x0f);
    else {
      const line = `${name}: ${value}`;
      const number = this.#numbers.get(line);
      if (number !== undefined) this.#integer(0x80, 0x7f, this.#indexOf(number));
      else this.#insert(encodedPseudo(name), value, line);
    }
  }

  /** Fields as lines, or as a flat array. @throws TypeError for what must not be in a message */
  fields(fields: readonly string[] | string): void {
    if (typeof fields !== 'string') {
      for (let i = 0; i < fields.length; i += 2) {
        const name = fields[i] as string;
        const value = fields[i + 1] as string;
        this.#field(`${name}: ${value}`, name.length);
      }
      return;
    }
    for (let at = 0; at < fields.length; ) {
      const end = fields.indexOf('\r\n', at);
      this.#field(fields.slice(at, end), -1);
      at = end + 2;
    }
  }

  /** @param colon where the name ends; -1 when that is not known */
  #field(line: string, colon: number): void {
    const number = this.#numbers.get(line);
    if (number !== undefined) {
      this.#integer(0x80, 0x7f, this.#indexOf(number));
      return;
    }
    const nameEnd = colon < 0 ? line.indexOf(':') : colon;
    const name = encodedName(line.slice(0, nameEnd));
    if (name.policy === Policy.dropped) return;
    const value = line.slice(nameEnd + 2);
    if (isIllegalValue(value)) {
      throw new TypeError(`field ${JSON.stringify(name.text)} holds an illegal character`);
    }
    if (name.policy === Policy.literal) this.#literal(name, value, 0x00, 0x0f);
    else if (name.policy === Policy.secret) this.#literal(name, value, 0x10, 0x0f);
    else if (name.lastValue === value) this.#insert(name, value, line);
    else {
      name.lastValue = value;
      this.#literal(name, value, 0x00, 0x0f);
    }
  }

  #literal(name: EncodedName, value: string, first: number, mask: number): void {
    this.#integer(first, mask, name.index);
    if (name.index === 0) this.#string(name.text, false);
    this.#string(trimmed(value), false);
  }

  #insert(name: EncodedName, value: string, line: string): void {
    const size = name.text.length + value.length + fieldOverhead;
    const plain = trimmed(value);
    // One that would drive most others out of the table is not worth it.
    if (size > this.#maxSize / 2 || plain.length < value.length) {
      this.#literal(name, value, 0x00, 0x0f);
      return;
    }
    this.#integer(0x40, 0x3f, name.index);
    if (name.index === 0) this.#string(name.text, true);
    this.#string(value, true);
    this.#evictTo(this.#maxSize - size);
    // A text of its own, not a part of a whole head that would live as long.
    const key = Buffer.from(line, 'latin1').toString('latin1');
    this.#numbers.set(key, this.#evicted + this.#indexed.length);
    this.#indexed.push({ line: key, size });
    this.#size += size;
  }

  #evictTo(size: number): void {
    while (this.#size > size) {
      const oldest = this.#indexed.shift() as Indexed;
      this.#evicted++;
      this.#size -= oldest.size;
      this.#numbers.delete(oldest.line);
    }
  }

  #indexOf(number: number): number {
    return staticTable.length + this.#evicted + this.#indexed.length - number;
  }

  #integer(first: number, mask: number, value: number): void {
    const bytes = this.#bytes;
    if (value < mask) {
      bytes[this.#at++] = first | value;
      return;
    }
    bytes[this.#at++] = first | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) bytes[this.#at++] = (rest & 0x7f) | 0x80;
    bytes[this.#at++] = rest;
  }

  #string(text: string, isKept: boolean): void {
    // To pack it is worth the time only for what is sent once and used often.
    const packed = isKept ? huffmanSize(text) : text.length;
    if (packed < text.length) {
      this.#integer(0x80, 0x7f, packed);
      this.#at = encodeHuffman(text, this.#bytes, this.#at);
      return;
    }
    this.#integer(0x00, 0x7f, text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
  }
}

const nothing = Buffer.alloc(0);

/** Blanks around a value have no meaning in HTTP/1.1, and are not allowed in HTTP/2. */
function trimmed(value: string): string {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  if (first !== 0x20 && first !== 0x09 && last !== 0x20 && last !== 0x09) return value;
  return value.replaceAll(/^[ \t]+|[ \t]+$/g, '');
}

const pseudoNames = new Map<string, EncodedName>();
for (const [text, index] of [
  [':authority', 1],
  [':method', 2],
  [':path', 4],
  [':scheme', 6],
  [':protocol', 0],
] as const) {
  pseudoNames.set(text, { text, index, policy: Policy.indexed, lastValue: '' });
}

function encodedPseudo(name: string): EncodedName {
  return pseudoNames.get(name) as EncodedName;
}
