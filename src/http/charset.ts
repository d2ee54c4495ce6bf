import { isUtf8 } from 'node:buffer';

/** A text that came as bytes of some charset, and the way back. */
export interface DecodedText {
  readonly text: string;
  /** The bytes of another text in the same charset; null when it has no bytes for it. */
  readonly encode: (text: string) => Buffer | null;
}

const binary =
  /^(?:audio|font|image(?!\/svg)|model|video)\/|^application\/(?:pdf|wasm|zip|gzip|zstd|java-archive|msgpack|cbor|smile|x-(?:gzip|tar|protobuf|7z-compressed|bzip2)|protobuf|vnd\.google\.protobuf|grpc.*|.*\+(?:zip|cbor|smile))(?:;|\s|$)/i;

/** Whether a Content-Type names something that is no text, whatever its bytes are. */
export function isBinaryType(contentType: string): boolean {
  return binary.test(contentType.trim());
}

/** The bytes as text of the charset that a Content-Type names; null when they are none. */
export function decodeText(bytes: Buffer, contentType: string): DecodedText | null {
  const label = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  const charset = charsetOf(label);
  if (charset === 'utf-8') {
    // Text has no zeros, and binary data without a type nearly always has.
    if (!isUtf8(bytes) || bytes.includes(0)) return null;
    return { text: bytes.toString(), encode: (text) => Buffer.from(text) };
  }
  if (charset === 'utf-16le' || charset === 'utf-16be') return decodeUtf16(bytes, charset);
  return charset === null ? null : decodeByTable(bytes, charset);
}

function charsetOf(label: string): string | null {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return null;
  }
}

function decodeUtf16(bytes: Buffer, charset: 'utf-16le' | 'utf-16be'): DecodedText | null {
  try {
    const text = new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes);
    const encode = (other: string): Buffer => {
      const encoded = Buffer.from(other, 'utf16le');
      return charset === 'utf-16le' ? encoded : encoded.swap16();
    };
    return { text, encode };
  } catch {
    return null;
  }
}

/** Bytes of the characters of a charset that has one for each; null for a charset of another kind. */
const tables = new Map<string, ReadonlyMap<string, number> | null>();

function decodeByTable(bytes: Buffer, charset: string): DecodedText | null {
  const table = tableOf(charset);
  if (table === null) return null;
  try {
    const text = new TextDecoder(charset, { fatal: true }).decode(bytes);
    return { text, encode: (other) => encodeByTable(other, table) };
  } catch {
    return null;
  }
}

function encodeByTable(text: string, table: ReadonlyMap<string, number>): Buffer | null {
  const encoded = Buffer.allocUnsafe(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = table.get(text[i] as string);
    if (byte === undefined) return null;
    encoded[i] = byte;
  }
  return encoded;
}

function tableOf(charset: string): ReadonlyMap<string, number> | null {
  let table = tables.get(charset);
  if (table === undefined) {
    const decoder = new TextDecoder(charset);
    const characters = Array.from({ length: 256 }, (_, byte) => decoder.decode(Buffer.of(byte)));
    const known = characters.map((one, byte) => [one, byte] as const).filter(isCharacter);
    // Where characters have several bytes, the first of them alone is none.
    table = known.length < fewest ? null : new Map(known);
    tables.set(charset, table);
  }
  return table;
}

/** Characters of every charset that has a byte for each. */
const fewest = 240;

function isCharacter([text]: readonly [string, number]): boolean {
  return text.length === 1 && text !== '\ufffd';
}
