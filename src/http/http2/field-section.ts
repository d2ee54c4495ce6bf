import { HeaderList } from '../headers/header-list.ts';
import { fieldLine, nameBit, parseLines } from '../headers/raw-lines.ts';
import { isToken } from '../headers/syntax.ts';
import type { FieldSink } from './hpack/decoder.ts';
import { type FieldName, NameKind } from './hpack/field-name.ts';

const hostBit = nameBit('host');
const cookieBit = nameBit('cookie');
/** What a path holds that is taken for origin form. */
const originForm = /^\/[\x21-\x7e\x80-\xff]*$/;
const digits = /^\d{1,15}$/;
const statusCode = /^[1-9]\d\d$/;

/**
 * The fields of one HEADERS frame and its CONTINUATIONs, as they are decoded: a head, whose fields
 * become lines that can be passed on as they are, or trailers. There is one for a connection: it is
 * used up before the next block is read. `flaw` says what makes the message malformed (RFC 9113, 8.1.1).
 */
export class FieldSection implements FieldSink {
  room = 0;
  /** Why the message is malformed; null when it is not. */
  flaw: string | null = null;
  /** Whether there were more fields, or bytes in them, than are taken. */
  isTooLarge = false;
  method = '';
  scheme = '';
  authority: string | null = null;
  path = '';
  /** `:protocol` of an extended CONNECT (RFC 8441). */
  protocol: string | null = null;
  status = 0;
  host: string | null = null;
  expect: string | null = null;
  /** Content-Length; -1 without it. */
  length = -1;
  /** Whether `te: trailers` was there. */
  takesTrailers = false;
  /** Trailers as a flat array. */
  trailers: string[] = [];
  #isHead = true;
  #left = 0;
  #all = '';
  #passed = '';
  #names = 0;
  #cookie: string | null = null;
  #hasFields = false;
  /** Whether a field is there that is not passed on as it came. */
  #hasTrailer = false;

  /** Begins to take a head, or trailers. */
  begin(isHead: boolean, maxSize: number, maxFields: number): void {
    this.room = maxSize;
    this.#left = maxFields;
    this.#isHead = isHead;
    this.flaw = null;
    this.isTooLarge = false;
    this.method = this.scheme = this.path = '';
    this.authority = this.protocol = this.host = this.expect = this.#cookie = null;
    this.status = 0;
    this.length = -1;
    this.takesTrailers = this.#hasFields = this.#hasTrailer = false;
    this.trailers = [];
    this.#all = this.#passed = '';
    this.#names = 0;
  }

  overflow(): void {
    this.isTooLarge = true;
    this.room = -1;
  }

  field(name: FieldName, value: string, line: string, isLegal: boolean): void {
    if (!isLegal) this.flaw ??= `an illegal value of field ${JSON.stringify(name.text)}`;
    const { kind } = name;
    if (kind > NameKind.illegal) {
      this.#pseudo(kind, value);
      return;
    }
    if (--this.#left < 0) this.overflow();
    if (kind === NameKind.illegal) {
      this.flaw ??= `field ${JSON.stringify(name.text)}`;
      return;
    }
    if (!this.#isHead) {
      this.trailers.push(name.text, value);
      return;
    }
    this.#hasFields = true;
    const text = line === '' ? fieldLine(name.text, value) : line;
    if (kind === NameKind.plain) {
      this.#all += text;
      this.#passed += text;
    } else if (!this.#special(kind, value)) return;
    else this.#all += text;
    this.#names |= name.bit;
  }

  /** Takes a field that means something here; answers whether it is to be seen by others. */
  #special(kind: number, value: string): boolean {
    switch (kind) {
      case NameKind.host:
        if (this.host !== null) this.flaw ??= 'more than one Host';
        this.host = value;
        return false;
      case NameKind.cookie:
        // Crumbs are one field to whoever reads them (RFC 9113, 8.2.3).
        this.#cookie = this.#cookie === null ? value : `${this.#cookie}; ${value}`;
        return false;
      case NameKind.contentLength:
        if (this.length >= 0) this.flaw ??= 'more than one Content-Length';
        if (digits.test(value)) this.length = Number(value);
        else this.flaw ??= 'an illegal Content-Length';
        return true;
      case NameKind.expect:
        this.expect = value;
        return true;
      case NameKind.te:
        if (value.toLowerCase() === 'trailers') this.takesTrailers = true;
        else this.flaw ??= 'TE other than trailers';
        return true;
      case NameKind.trailer:
        this.#hasTrailer = true;
        return true;
      default:
        return true;
    }
  }

  #pseudo(kind: number, value: string): void {
    let isTwice = false;
    switch (kind) {
      case NameKind.method:
        isTwice = this.method !== '';
        if (!isToken(value)) this.flaw ??= 'an illegal method';
        this.method = value;
        break;
      case NameKind.scheme:
        isTwice = this.scheme !== '';
        this.scheme = value;
        break;
      case NameKind.authority:
        isTwice = this.authority !== null;
        this.authority = value;
        break;
      case NameKind.path:
        isTwice = this.path !== '';
        if (value === '') this.flaw ??= 'an empty path';
        this.path = value;
        break;
      case NameKind.protocol:
        isTwice = this.protocol !== null;
        this.protocol = value;
        break;
      case NameKind.status:
        isTwice = this.status !== 0;
        if (statusCode.test(value)) this.status = Number(value);
        else this.flaw ??= 'an illegal status';
        break;
      default:
        this.flaw ??= 'an unknown pseudo-header field';
    }
    if (isTwice) this.flaw ??= 'a pseudo-header field twice';
    if (!this.#isHead) this.flaw ??= 'a pseudo-header field in trailers';
    if (this.#hasFields) this.flaw ??= 'a pseudo-header field after other fields';
  }

  /** Finds what makes the head no request; `extended`: whether extended CONNECT is offered. */
  checkRequest(extended: boolean): void {
    if (this.flaw !== null || this.isTooLarge) return;
    const { method, path } = this;
    if (method === '' || this.status !== 0)
      this.flaw = 'a request without a method, or with a status';
    else if (this.protocol !== null && (method !== 'CONNECT' || !extended)) {
      this.flaw = 'a protocol that was not offered';
    } else if (method === 'CONNECT' && this.protocol === null) {
      if (path !== '' || this.scheme !== '' || !this.authority) {
        this.flaw = 'CONNECT with a path or a scheme, or without an authority';
      }
    } else if (path === '' || this.scheme === '')
      this.flaw = 'a request without a path or a scheme';
    else if (!originForm.test(path) && !isAsterisk(path, method)) this.flaw = 'an illegal path';
  }

  /** Finds what makes the head no response. */
  checkResponse(): void {
    if (this.flaw !== null || this.isTooLarge) return;
    const { method, scheme, path, authority, protocol } = this;
    if (this.status === 0) this.flaw = 'a response without a status';
    else if (this.status === 101) this.flaw = 'status 101';
    else if (method + scheme + path !== '' || authority !== null || protocol !== null) {
      this.flaw = 'a pseudo-header field of a request';
    }
  }

  /** The fields; those of a request begin with Host, which `:authority` stands for. */
  get headers(): HeaderList {
    const named = this.authority ?? this.host;
    let all = this.#all;
    let passed = this.#passed;
    let names = this.#names;
    if (named !== null) {
      all = fieldLine('host', named) + all;
      names |= hostBit;
    }
    if (this.#cookie !== null) {
      const line = fieldLine('cookie', this.#cookie);
      all += line;
      passed += line;
      names |= cookieBit;
    }
    // Whether Trailer goes on depends on how the body is framed there.
    return new HeaderList(this.#hasTrailer ? parseLines(all) : { all, passed, names });
  }
}

function isAsterisk(path: string, method: string): boolean {
  return path === '*' && method === 'OPTIONS';
}
