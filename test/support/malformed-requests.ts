/**
 * Requests that a strict reading of RFC 9110 and 9112 refuses, or that two readers could understand
 * in two ways. As raw bytes (latin1); none may reach a backend.
 */
export interface MalformedRequest {
  readonly name: string;
  readonly raw: string;
}

const host = 'Host: gate.test\r\n';
const get = (fields: string, target = '/'): string => `GET ${target} HTTP/1.1\r\n${fields}\r\n`;
const post = (fields: string, body: string): string =>
  `POST / HTTP/1.1\r\n${host}${fields}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);

const cases: [name: string, raw: string][] = [];

function add(name: string, raw: string): void {
  cases.push([name, raw]);
}

// How long the body is.
for (const [name, fields] of Object.entries({
  'two different Content-Length': 'Content-Length: 4\r\nContent-Length: 5\r\n',
  'two equal Content-Length': 'Content-Length: 4\r\nContent-Length: 4\r\n',
  'Content-Length in two cases': 'Content-Length: 4\r\ncontent-length: 4\r\n',
  'a list as Content-Length': 'Content-Length: 4, 4\r\n',
  'a list of two as Content-Length': 'Content-Length: 4, 5\r\n',
  'Content-Length with a plus': 'Content-Length: +4\r\n',
  'Content-Length with a minus': 'Content-Length: -4\r\n',
  'Content-Length in hexadecimal': 'Content-Length: 0x4\r\n',
  'Content-Length with a point': 'Content-Length: 4.0\r\n',
  'Content-Length with an exponent': 'Content-Length: 4e0\r\n',
  'Content-Length with a blank inside': 'Content-Length: 4 4\r\n',
  'Content-Length with a letter behind': 'Content-Length: 4a\r\n',
  'Content-Length without a number': 'Content-Length: four\r\n',
  'empty Content-Length': 'Content-Length:\r\n',
  'blank Content-Length': 'Content-Length:  \r\n',
  'Content-Length in quotes': 'Content-Length: "4"\r\n',
  'Content-Length beyond 64 bits': 'Content-Length: 18446744073709551620\r\n',
  'Content-Length far beyond 64 bits': 'Content-Length: 99999999999999999999999999999999\r\n',
  'Content-Length with a vertical tab': 'Content-Length: \u000b4\r\n',
  'Content-Length with a form feed': 'Content-Length: 4\f\r\n',
  'Content-Length with a no-break space': 'Content-Length: \u00a04\r\n',
  'Content-Length with an underscore': 'Content-Length: 4_0\r\n',
  'Content-Length with a null': 'Content-Length: 4\u0000\r\n',
  'blank before the colon of Content-Length': 'Content-Length : 4\r\n',
  'tab before the colon of Content-Length': 'Content-Length\t: 4\r\n',
  'Content-Length and chunked': 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
  'chunked and Content-Length': 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
  'chunked and Content-Length 0': 'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n',
})) {
  add(name, post(fields, 'abcd'));
}

// How the body is framed.
for (const [name, fields] of Object.entries({
  'Transfer-Encoding: identity': 'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding: gzip': 'Transfer-Encoding: gzip\r\n',
  'Transfer-Encoding: gzip, chunked': 'Transfer-Encoding: gzip, chunked\r\n',
  'Transfer-Encoding: chunked, identity': 'Transfer-Encoding: chunked, identity\r\n',
  'Transfer-Encoding: chunked, gzip': 'Transfer-Encoding: chunked, gzip\r\n',
  'Transfer-Encoding: chunked twice in one': 'Transfer-Encoding: chunked, chunked\r\n',
  'Transfer-Encoding: chunked twice':
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
  'Transfer-Encoding: chunked, then identity':
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n',
  'Transfer-Encoding: identity, then chunked':
    'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n',
  'Transfer-Encoding: xchunked': 'Transfer-Encoding: xchunked\r\n',
  'Transfer-Encoding: chunkedx': 'Transfer-Encoding: chunkedx\r\n',
  'Transfer-Encoding in quotes': 'Transfer-Encoding: "chunked"\r\n',
  'Transfer-Encoding with a comma before': 'Transfer-Encoding: ,chunked\r\n',
  'Transfer-Encoding with a comma behind': 'Transfer-Encoding: chunked,\r\n',
  'Transfer-Encoding with a parameter': 'Transfer-Encoding: chunked;q=1\r\n',
  'Transfer-Encoding with a vertical tab': 'Transfer-Encoding: \u000bchunked\r\n',
  'Transfer-Encoding with a form feed': 'Transfer-Encoding: chunked\f\r\n',
  'Transfer-Encoding with a null': 'Transfer-Encoding: chunked\u0000\r\n',
  'empty Transfer-Encoding': 'Transfer-Encoding:\r\n',
  'blank before the colon of Transfer-Encoding': 'Transfer-Encoding : chunked\r\n',
  'tab before the colon of Transfer-Encoding': 'Transfer-Encoding\t: chunked\r\n',
  'Transfer-Encoding on a folded line': 'Transfer-Encoding:\r\n chunked\r\n',
  'Transfer-Encoding folded away': 'X-A: b\r\n Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding behind a bare line feed': 'X-A: b\nTransfer-Encoding: chunked\r\n',
  'Transfer-Encoding behind a bare carriage return': 'X-A: b\rTransfer-Encoding: chunked\r\n',
  'Transfer-Encoding with a blank before': ' Transfer-Encoding: chunked\r\n',
})) {
  add(name, post(fields, '4\r\nabcd\r\n0\r\n\r\n'));
}
add(
  'Transfer-Encoding in HTTP/1.0',
  `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n`,
);

// Chunks.
for (const [name, body] of Object.entries({
  'chunk size with 0x': '0x4\r\nabcd\r\n0\r\n\r\n',
  'chunk size with a plus': '+4\r\nabcd\r\n0\r\n\r\n',
  'chunk size with a minus': '-4\r\nabcd\r\n0\r\n\r\n',
  'chunk size with an underscore': '0_4\r\nabcd\r\n0\r\n\r\n',
  'chunk size with a blank before': ' 4\r\nabcd\r\n0\r\n\r\n',
  'chunk size with a tab behind': '4\t\r\nabcd\r\n0\r\n\r\n',
  'chunk size with a blank behind': '4 \r\nabcd\r\n0\r\n\r\n',
  'chunk size that is no number': 'four\r\nabcd\r\n0\r\n\r\n',
  'no chunk size': '\r\nabcd\r\n0\r\n\r\n',
  'only an extension': ';a=b\r\nabcd\r\n0\r\n\r\n',
  'chunk size beyond 64 bits': '10000000000000004\r\nabcd\r\n0\r\n\r\n',
  'chunk size of 100 digits': `${'0'.repeat(99)}g\r\nabcd\r\n0\r\n\r\n`,
  'chunk size ended by a bare line feed': '4\nabcd\r\n0\r\n\r\n',
  'chunk size ended by a bare carriage return': '4\rabcd\r\n0\r\n\r\n',
  'chunk shorter than its size': '5\r\nabcd\r\n0\r\n\r\n',
  'chunk longer than its size': '3\r\nabcd\r\n0\r\n\r\n',
  'chunk without an end of line': '4\r\nabcd0\r\n\r\n',
  'chunk ended by a bare line feed': '4\r\nabcd\n0\r\n\r\n',
  'chunk ended by a bare carriage return': '4\r\nabcd\r0\r\n\r\n',
  'bare line feed in an extension': '4;a\nabcd\r\n0\r\n\r\n',
  'bare line feed in a quoted extension': '4;a="b\n"\r\nabcd\r\n0\r\n\r\n',
  'bare carriage return in an extension': '4;a\rb\r\nabcd\r\n0\r\n\r\n',
  'null in an extension': '4;a\u0000b\r\nabcd\r\n0\r\n\r\n',
  'extension of 64 KB': `4;a=${'b'.repeat(65536)}\r\nabcd\r\n0\r\n\r\n`,
  'last chunk ended by a bare line feed': '4\r\nabcd\r\n0\n\r\n',
  'trailers ended by a bare line feed': '4\r\nabcd\r\n0\r\n\n',
  'trailer with a blank before its colon': '4\r\nabcd\r\n0\r\nX-A : b\r\n\r\n',
  'folded trailer': '4\r\nabcd\r\n0\r\nX-A: b\r\n c\r\n\r\n',
  'trailer with a null': '4\r\nabcd\r\n0\r\nX-A: b\u0000\r\n\r\n',
  'trailer without a colon': '4\r\nabcd\r\n0\r\nX-A\r\n\r\n',
  'Content-Length in trailers': '4\r\nabcd\r\n0\r\nContent-Length: 4\r\n\r\n',
  'Transfer-Encoding in trailers': '4\r\nabcd\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n',
  'Authorization in trailers': '4\r\nabcd\r\n0\r\nAuthorization: Basic YTpi\r\n\r\n',
  'X-Forwarded-For in trailers': '4\r\nabcd\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n',
  'Host in trailers': '4\r\nabcd\r\n0\r\nHost: other.test\r\n\r\n',
})) {
  add(name, chunked(body));
}

// Lines of the head.
for (const [name, fields] of Object.entries({
  'no Host': '',
  'two different Hosts': 'Host: gate.test\r\nHost: other.test\r\n',
  'two equal Hosts': 'Host: gate.test\r\nHost: gate.test\r\n',
  'Host in two cases': 'Host: gate.test\r\nhost: gate.test\r\n',
  'list as Host': 'Host: gate.test, other.test\r\n',
  'Host with a path': 'Host: gate.test/x\r\n',
  'Host with a query': 'Host: gate.test?x\r\n',
  'Host with a fragment': 'Host: gate.test#x\r\n',
  'Host with user information': 'Host: user@gate.test\r\n',
  'Host with a blank': 'Host: gate.test other.test\r\n',
  'Host with a port that is no number': 'Host: gate.test:80a\r\n',
  'Host with two ports': 'Host: gate.test:80:81\r\n',
  'Host with half a bracket': 'Host: [::1\r\n',
  'Host with a backslash': 'Host: gate.test\\x\r\n',
  'Host with a control character': 'Host: gate.test\u0001\r\n',
  'Host with bytes above ASCII': 'Host: gate.t\u00e9st\r\n',
  'blank before the colon of Host': 'Host : gate.test\r\n',
  'Host on a folded line': 'Host:\r\n gate.test\r\n',
  'folded field': `${host}X-A: b\r\n c\r\n`,
  'field folded by a tab': `${host}X-A: b\r\n\tc\r\n`,
  'first field with a blank before': ` X-A: b\r\n${host}`,
  'blank before a colon': `${host}X-A : b\r\n`,
  'tab before a colon': `${host}X-A\t: b\r\n`,
  'blank in a field name': `${host}X A: b\r\n`,
  'field without a colon': `${host}X-A\r\n`,
  'field without a name': `${host}: b\r\n`,
  'null in a field name': `${host}X\u0000A: b\r\n`,
  'control character in a field name': `${host}X\u0001A: b\r\n`,
  'parentheses in a field name': `${host}X(A): b\r\n`,
  'bytes above ASCII in a field name': `${host}X\u00e9: b\r\n`,
  'null in a value': `${host}X-A: b\u0000c\r\n`,
  'control character in a value': `${host}X-A: b\u0001c\r\n`,
  'delete in a value': `${host}X-A: b\u007fc\r\n`,
  'vertical tab in a value': `${host}X-A: b\u000bc\r\n`,
  'bare carriage return in a value': `${host}X-A: b\rc\r\n`,
  'carriage return twice at the end of a line': `${host}X-A: b\r\r\n`,
  'bare line feed behind a field': `${host}X-A: b\nX-C: d\r\n`,
  'bare line feed behind Host': `Host: gate.test\nX-A: b\r\n`,
})) {
  add(name, get(fields));
}
add('head ended by a bare line feed', `GET / HTTP/1.1\r\n${host}\n`);
add('head with bare line feeds only', 'GET / HTTP/1.1\nHost: gate.test\n\n');
add('head with bare carriage returns only', 'GET / HTTP/1.1\rHost: gate.test\r\r');

// The request line.
for (const [name, line] of Object.entries({
  'no version': 'GET /',
  'no target': 'GET HTTP/1.1',
  'tab before the target': 'GET\t/ HTTP/1.1',
  'tab before the version': 'GET /\tHTTP/1.1',
  'blank behind the version': 'GET / HTTP/1.1 ',
  'blank before the method': ' GET / HTTP/1.1',
  'blank in the target': 'GET /a b HTTP/1.1',
  'tab in the target': 'GET /a\tb HTTP/1.1',
  'null in the target': 'GET /a\u0000b HTTP/1.1',
  'control character in the target': 'GET /a\u0001b HTTP/1.1',
  'delete in the target': 'GET /a\u007fb HTTP/1.1',
  'bytes above ASCII in the target': 'GET /a\u00e9b HTTP/1.1',
  'form feed in the target': 'GET /a\fb HTTP/1.1',
  'bare carriage return in the target': 'GET /a\rb HTTP/1.1',
  'fragment in the target': 'GET /a#b HTTP/1.1',
  'backslash at the start of the target': 'GET \\a HTTP/1.1',
  'target without a slash': 'GET a HTTP/1.1',
  'target that is a host': 'GET gate.test HTTP/1.1',
  'target that is a query': 'GET ?a HTTP/1.1',
  'asterisk for GET': 'GET * HTTP/1.1',
  'target of 64 KB': `GET /${'a'.repeat(65536)} HTTP/1.1`,
  'absolute form with user information': 'GET http://user@gate.test/ HTTP/1.1',
  'absolute form without a host': 'GET http:///a HTTP/1.1',
  'absolute form of another scheme': 'GET ftp://gate.test/ HTTP/1.1',
  'absolute form of a file': 'GET file:///etc/passwd HTTP/1.1',
  'CONNECT to a host': 'CONNECT gate.test:443 HTTP/1.1',
  'CONNECT to a path': 'CONNECT / HTTP/1.1',
  'lower-case method': 'get / HTTP/1.1',
  'method with a control character': 'GE\u0001T / HTTP/1.1',
  'lower-case version': 'GET / http/1.1',
  'version 1.2': 'GET / HTTP/1.2',
  'version 1.10': 'GET / HTTP/1.10',
  'version 2.0': 'GET / HTTP/2.0',
  'version 0.9': 'GET / HTTP/0.9',
  'version without a point': 'GET / HTTP/11',
  'two lines as one': 'GET / HTTP/1.1 GET /b HTTP/1.1',
})) {
  add(name, `${line}\r\n${host}\r\n`);
}
add('request line ended by a bare line feed', `GET / HTTP/1.1\n${host}\r\n`);
add('no Host in absolute form', 'GET http://gate.test/ HTTP/1.1\r\n\r\n');
add(
  'chunked behind an Upgrade to HTTP/2 with two lengths',
  post('Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\nContent-Length: 0\r\n', 'abcd'),
);
add(
  'Content-Length that Connection names, and chunked',
  post(
    'Connection: Content-Length\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n',
    '4\r\nabcd\r\n0\r\n\r\n',
  ),
);
add('TLS client hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003');
add('SOCKS greeting', '\u0004\u0001\u0000P\u007f\u0000\u0000\u0001\u0000');
add('nothing but nulls', '\u0000'.repeat(64));

export const malformedRequests: readonly MalformedRequest[] = cases.map(([name, raw]) => ({
  name,
  raw,
}));
