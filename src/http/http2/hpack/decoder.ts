import { Buffer } from 'node:buffer';
import { ConnectionError, ErrorCode } from '../frames/protocol.ts';
import { type FieldName, fieldName } from './field-name.ts';
import { decodeHuffman } from './huffman.ts';
import {
  defaultTableSize,
  DynamicTable,
  fieldOverhead,
  isLegalValue,
  staticTable,
  TableField,
} from './table.ts';

/** Takes the fields of a block, in their order. */
export interface FieldSink {
  /** Bytes of fields, as they are counted in a table, that it still takes. */
  room: number;
  /** More has come than there was room for; whatever else the block has is not passed on. */
  overflow(): void;
  /** @param line the field as a line of HTTP/1.1 where that is known already, else empty */
  field(name: FieldName, value: string, line: string, isLegal: boolean): void;
}

/** Larger numbers mean nothing anywhere in a block. */
const largestInteger = 2 ** 28;

/** Reads the blocks of fields that one side of a connection sends (RFC 7541). */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** Reads a whole block. @throws ConnectionError: the connection's blocks cannot be read any more */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): void {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    let updates = 0;
    let fields = 0;
    while (this.#at < to) {
      const first = bytes[this.#at] as number;
      if (first >= 0x80) {
        fields++;
        this.#indexed(this.#integer(0x7f), sink);
      } else if (first >= 0x40) {
        fields++;
        this.#literal(this.#integer(0x3f), sink, true);
      } else if (first >= 0x20) {
        if (fields > 0 || ++updates > 2) throw malformed('a table size update out of place');
        const size = this.#integer(0x1f);
        if (size > defaultTableSize) throw malformed('a table size above the limit');
        this.#table.resize(size);
      } else {
        fields++;
        this.#literal(this.#integer(0x0f), sink, false);
      }
    }
    this.#bytes = nothing;
  }

  #indexed(index: number, sink: FieldSink): void {
    const field = this.#fieldAt(index);
    if (this.#fits(field.size, sink)) {
      sink.field(field.name, field.value, field.line, field.isLegal);
    }
  }

  #literal(nameIndex: number, sink: FieldSink, isKept: boolean): void {
    // A field that is neither kept nor passed on is not even made a string of.
    if (!isKept && sink.room < 0) {
      if (nameIndex === 0) this.#skipString();
      else this.#fieldAt(nameIndex);
      this.#skipString();
      return;
    }
    const name = nameIndex === 0 ? fieldName(this.#string()) : this.#fieldAt(nameIndex).name;
    const value = this.#string();
    if (isKept) {
      const field = new TableField(name, value, isLegalValue(value));
      this.#table.add(field);
      if (this.#fits(field.size, sink)) sink.field(name, value, field.line, field.isLegal);
    } else if (this.#fits(name.text.length + value.length + fieldOverhead, sink)) {
      sink.field(name, value, '', isLegalValue(value));
    }
  }

  #fits(size: number, sink: FieldSink): boolean {
    if (sink.room < 0) return false;
    sink.room -= size;
    if (sink.room >= 0) return true;
    sink.overflow();
    return false;
  }

  #fieldAt(index: number): TableField {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#table.at(index - staticTable.length - 1);
    if (field === undefined) throw malformed('an index without a field');
    return field;
  }

  /** An integer (RFC 7541, 5.1) whose first byte holds it in the bits of `mask`. */
  #integer(mask: number): number {
    const bytes = this.#bytes;
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let factor = 1; this.#at < this.#end; factor *= 128) {
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) * factor;
      if (value > largestInteger || factor > largestInteger) throw malformed('a number too large');
      if (byte < 0x80) return value;
    }
    throw malformed('it ends within a number');
  }

  #string(): string {
    const isPacked = this.#at < this.#end && (this.#bytes[this.#at] as number) >= 0x80;
    const from = this.#skipString();
    if (!isPacked) return this.#bytes.toString('latin1', from, this.#at);
    const text = decodeHuffman(this.#bytes, from, this.#at);
    if (text === null) throw malformed('an illegal Huffman code');
    return text;
  }

  /** Passes a string over, and answers where its bytes begin. */
  #skipString(): number {
    if (this.#at >= this.#end) throw malformed('it ends within a field');
    const length = this.#integer(0x7f);
    const from = this.#at;
    if (length > this.#end - from) throw malformed('it ends within a string');
    this.#at = from + length;
    return from;
  }
}

const nothing = Buffer.alloc(0);

function malformed(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.compressionError, `malformed block of fields: ${what}`);
}
