import { fieldLine } from '../../headers/raw-lines.ts';
import { isIllegalValue } from '../../headers/syntax.ts';
import { type FieldName, fieldName } from './field-name.ts';

/** Bytes that a field counts beyond its name and value (RFC 7541, 4.1). */
export const fieldOverhead = 32;
/** Bytes of a table of fields unless SETTINGS say otherwise; we never allow more. */
export const defaultTableSize = 4096;

/** A field of a table: everything about it is found out once, however often it is named. */
export class TableField {
  readonly name: FieldName;
  readonly value: string;
  /** As a line of HTTP/1.1. */
  readonly line: string;
  readonly size: number;
  /** Whether the value may be in a message. */
  readonly isLegal: boolean;

  constructor(name: FieldName, value: string, isLegal: boolean) {
    this.name = name;
    this.value = value;
    this.isLegal = isLegal;
    this.line = fieldLine(name.text, value);
    this.size = name.text.length + value.length + fieldOverhead;
  }
}

/** Whether a field's value may be in a message: RFC 9113, 8.2.1, and what no other version allows. */
export function isLegalValue(value: string): boolean {
  if (isIllegalValue(value)) return false;
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1));
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** RFC 7541, appendix A, in its order. */
const staticTexts = `:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|
:scheme=https|:status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|
accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|
access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|
content-encoding|content-language|content-length|content-location|content-range|content-type|cookie|
date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|
if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|
proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|
strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`;

/** The fields that every connection knows, from index 1 on. */
export const staticTable: readonly TableField[] = staticTexts
  .replaceAll('\n', '')
  .split('|')
  .map((text) => {
    const [name = '', value = ''] = text.split('=');
    return new TableField(fieldName(name), value, true);
  });

/** The fields that one side has named on a connection, the newest first. */
export class DynamicTable {
  /** A ring whose length is a power of two. */
  #ring: (TableField | null)[] = [];
  #newest = 0;
  #count = 0;
  #size = 0;
  #maxSize = defaultTableSize;

  get maxSize(): number {
    return this.#maxSize;
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  /** The field at `index`, 0 for the newest; undefined when there is none. */
  at(index: number): TableField | undefined {
    if (index >= this.#count) return undefined;
    return this.#ring[(this.#newest - index) & (this.#ring.length - 1)] as TableField;
  }

  add(field: TableField): void {
    this.#evictTo(this.#maxSize - field.size);
    // One that is too large leaves the table empty.
    if (field.size > this.#maxSize) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#ring.length - 1);
    this.#ring[this.#newest] = field;
    this.#count++;
    this.#size += field.size;
  }

  #evictTo(size: number): void {
    const mask = this.#ring.length - 1;
    while (this.#size > size && this.#count > 0) {
      const oldest = (this.#newest - --this.#count) & mask;
      this.#size -= (this.#ring[oldest] as TableField).size;
      this.#ring[oldest] = null;
    }
  }

  #grow(): void {
    const fields: (TableField | null)[] = [];
    for (let index = this.#count - 1; index >= 0; index--) {
      fields.push(this.at(index) as TableField);
    }
    const length = Math.max(8, 2 * fields.length);
    this.#newest = (fields.length - 1) & (length - 1);
    while (fields.length < length) fields.push(null);
    this.#ring = fields;
  }
}
