import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { basicAuth } from '../../../src/http/basic-auth.ts';
import { compileField, compileWriter, fieldNames } from '../../../src/context/fields/compile.ts';
import { type Needs, preparation } from '../../../src/context/requirements.ts';
import { arriving, bodyText, newContext } from '../../support/context.ts';

const search = {
  query: { bool: { must: [{ match: { name: 'A' } }, { match: { age: 18 } }] } },
  size: 900,
  aggs: { total_num: { terms: { field: 'name1', size: 1_000_000 } } },
};

const limits = { request: 1000, response: 1000 };

function needsOf(name: string): Needs {
  return compileField(name).needs;
}

test('the name of a host is one however it is written', () => {
  const read = (host: string) =>
    compileField('_ctx.request.hostname').read(newContext({ headers: ['Host', host] }));
  for (const host of ['two.example', 'TWO.example:8080', 'two.example.', 'two.example:']) {
    assert.equal(read(host), 'two.example');
  }
  assert.equal(read('[::1]:80'), '[::1]');
});

test('reads every documented field', async (t) => {
  const context = newContext({
    method: 'POST',
    target: '/medcl/_search?from=1&size=100&q=a+b%26c',
    headers: [
      'Host',
      'localhost:8000',
      'X-Trace',
      'one',
      'x-trace',
      'two',
      'Authorization',
      basicAuth({ username: 'medcl', password: 'a:b' }),
    ],
    body: JSON.stringify(search),
  });
  const { response } = context;
  response.status = 201;
  response.headers.set('Content-Type', 'application/json');
  response.headers.set('Env', 'Dev');
  response.body = Buffer.from('{"ok":[1,{"deep":null}]}');
  context.pathVariables = { index: 'medcl', _name: 'x' };
  context.variables = { parsed: { month: '02' } };
  const expected: Record<string, unknown> = {
    '_ctx.id': 1,
    '_ctx.tls': false,
    '_ctx.remote_ip': '127.0.0.1',
    '_ctx.remote_addr': '127.0.0.1:50925',
    '_ctx.local_ip': '127.0.0.1',
    '_ctx.local_addr': '127.0.0.1:8000',
    '_ctx.status': 'Created',
    '_ctx.request.host': 'localhost:8000',
    '_ctx.request.hostname': 'localhost',
    '_ctx.request.target': '/medcl/_search?from=1&size=100&q=a+b%26c',
    '_ctx.request.method': 'POST',
    '_ctx.request.uri': 'http://localhost:8000/medcl/_search?from=1&size=100&q=a+b%26c',
    '_ctx.request.path': '/medcl/_search',
    '_ctx.request.query_args.size': '100',
    '_ctx.request.query_args.q': 'a b&c',
    '_ctx.request.query_args.none': '',
    '_ctx.request.path_args.index': 'medcl',
    '_ctx.request.path_args.none': '',
    '_ctx.request.username': 'medcl',
    '_ctx.request.user': 'medcl',
    '_ctx.request.password': 'a:b',
    '_ctx.request.client_ip': '127.0.0.1',
    '_ctx.request.header.x-TRACE': 'one, two',
    '_ctx.request.header.Missing': '',
    '_ctx.request.body': JSON.stringify(search),
    '_ctx.request.body_length': JSON.stringify(search).length,
    '_ctx.request.body_size': JSON.stringify(search).length,
    '_ctx.request.body_json.size': 900,
    '_ctx.request.body_json.aggs.total_num.terms.field': 'name1',
    '_ctx.request.body_json.query.bool.must.[1].match.age': 18,
    '_ctx.request.body_json.query.bool.must[0].match.name': 'A',
    '_ctx.request.body_json.query.bool.must.[7].match': undefined,
    '_ctx.request.body_json.constructor': undefined,
    '_ctx.response.status': 201,
    '_ctx.response.code': 201,
    '_ctx.response.status_code': 201,
    '_ctx.response.content_type': 'application/json',
    '_ctx.response.header.env': 'Dev',
    '_ctx.response.body': '{"ok":[1,{"deep":null}]}',
    '_ctx.response.body_length': 24,
    '_ctx.response.body_size': 24,
    '_ctx.response.body_json.ok.[1].deep': null,
    '_sys.hostname': hostname(),
    'parsed.month': '02',
    index: 'medcl',
    unknown_variable: undefined,
  };
  for (const [name, value] of Object.entries(expected)) {
    await t.test(name, () => assert.deepEqual(compileField(name).read(context), value));
  }
});

test('before anybody answers, the response has no status', () => {
  const context = newContext({ headers: [] });
  const values = ['response.status', 'status', 'response.content_type', 'request.host'].map(
    (name) => compileField(`_ctx.${name}`).read(context),
  );
  assert.deepEqual(values, [0, 'OK', '', '']);
});

test('every name of the table can be read', () => {
  const context = newContext();
  for (const name of fieldNames) {
    assert.doesNotThrow(() => compileField(name).read(context), name);
  }
});

test('gives request and response as text', () => {
  const context = newContext({ method: 'PUT', target: '/a?b', body: 'hello' });
  context.response.status = 404;
  assert.equal(
    compileField('_ctx.request.to_string').read(context),
    'PUT /a?b HTTP/1.1\r\nHost: localhost:8000\r\n\r\nhello',
  );
  assert.equal(
    compileField('_ctx.response.to_string').read(context),
    'HTTP/1.1 404 Not Found\r\n\r\n',
  );
});

test('times and ids', () => {
  const context = newContext();
  const read = (name: string) => compileField(name).read(context) as number;
  const now = new Date();
  assert.ok([now.getMonth() + 1, (now.getMonth() + 2) % 12].includes(read('_sys.month_of_now')));
  assert.ok(Math.abs(read('_sys.unix_timestamp_of_now') - Date.now() / 1000) < 5);
  assert.ok(Math.abs(read('_sys.unix_timestamp_milli_of_now') - Date.now()) < 5000);
  assert.match(String(read('_util.generate_uuid')), /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  const ids = ['', '', '.mine', '.mine'].map((bucket) =>
    String(read(`_util.increment_id${bucket}`)),
  );
  for (const id of ids) assert.match(id, /^\d{10,19}$/);
  assert.ok(BigInt(ids[0] as string) < BigInt(ids[1] as string));
  assert.ok(BigInt(ids[2] as string) < BigInt(ids[3] as string));
});

test('an unknown field is an error that names the nearest', () => {
  const cases: [string, RegExp][] = [
    [
      '_ctx.request.methd',
      /unknown field "_ctx.request.methd"; did you mean "_ctx.request.method"/,
    ],
    ['_ctx.request.headers.Env', /did you mean "_ctx.request.header.Env"/],
    ['_ctx.respons.status', /did you mean "_ctx.response.status"/],
    ['_sys.host_name', /did you mean "_sys.hostname"/],
    ['_ctx.request.path.x', /unknown field/],
    ['_ctx', /unknown field/],
    ['_other.thing', /unknown field "_other.thing"; fields begin with/],
    ['', /unknown field/],
    ['two words', /unknown field/],
  ];
  for (const [name, message] of cases) {
    assert.throws(() => compileField(name), { code: 'PARAMETER_INVALID', message });
  }
});

test('says what must have been read', () => {
  const nothing = { requestBody: 'nothing', responseBody: 'nothing' };
  assert.deepEqual(needsOf('_ctx.request.path'), nothing);
  assert.deepEqual(needsOf('_ctx.request.body_json.a'), {
    ...nothing,
    requestBody: 'content',
    requestJson: [['a']],
  });
  assert.deepEqual(needsOf('_ctx.request.to_string'), { ...nothing, requestBody: 'content' });
  assert.deepEqual(needsOf('_ctx.request.body_length'), { ...nothing, requestBody: 'length' });
  assert.deepEqual(needsOf('_ctx.response.body'), { ...nothing, responseBody: 'content' });
  assert.deepEqual(compileWriter('_ctx.request.body').needs, nothing);
  assert.deepEqual(compileWriter('_ctx.response.body_json.a').needs, {
    ...nothing,
    responseBody: 'content',
    responseJson: [['a']],
  });
});

test('a compressed body can be read when the request is over, and not for a client that went', async () => {
  const field = compileField('_ctx.request.body_json.a');
  const prepare = preparation(field.needs, limits);
  const headers = ['Content-Encoding', 'gzip'];
  const over = newContext({ headers, body: gzipSync('{"a":5}') });
  over.end();
  over.request.release();
  await prepare?.(over);
  assert.equal(field.read(over), 5);
  const gone = newContext({ headers, body: gzipSync('{"a":5}') });
  const pending = prepare?.(gone);
  gone.abort();
  await assert.rejects(Promise.resolve(pending), { code: 'CLIENT_GONE' });
});

test('reads a body when it is needed, and only then', async () => {
  const field = compileField('_ctx.request.body_json.a');
  const prepare = preparation(field.needs, limits);
  const waiting = newContext({ body: arriving('{"a"', ':5}') });
  await prepare?.(waiting);
  assert.equal(field.read(waiting), 5);
  assert.equal(prepare?.(waiting), undefined, 'what is there is not waited for');
  assert.equal(preparation(compileField('_ctx.request.path').needs, limits), undefined);

  const length = preparation(compileField('_ctx.request.body_length').needs, limits);
  const known = newContext({ body: { ...(arriving('x') as object), length: 1 } as never });
  assert.equal(length?.(known), undefined, 'a length that is known needs no reading');
});

test('a body over the limit is refused', async () => {
  const { needs } = compileField('_ctx.request.body');
  const context = newContext({ body: arriving('x'.repeat(600), 'x'.repeat(600)) });
  await assert.rejects(async () => preparation(needs, limits)?.(context), {
    code: 'BODY_TOO_LARGE',
    status: 413,
  });
  const answer = newContext();
  answer.response.body = arriving('x'.repeat(1001));
  const responseNeeds = compileField('_ctx.response.body').needs;
  await assert.rejects(async () => preparation(responseNeeds, limits)?.(answer), {
    code: 'RESPONSE_TOO_LARGE',
    status: 502,
  });
});

test('a compressed body is read in plain and goes on as it came, until it is changed', async () => {
  const compressed = gzipSync('{"a":1}');
  const context = newContext({
    headers: ['Content-Encoding', 'gzip'],
    body: arriving(compressed),
  });
  const field = compileField('_ctx.request.body_json.a');
  await preparation(field.needs, limits)?.(context);
  assert.equal(field.read(context), 1);
  assert.deepEqual(context.request.body, compressed);
  field.write?.set(context, 2);
  assert.equal(bodyText(context.request), '{"a":2}');
  assert.equal(context.request.headers.has('content-encoding'), false);
});

test('what decompresses to more than the limit is refused, and so is what does not decompress', async () => {
  const { needs } = compileField('_ctx.request.body');
  const bomb = newContext({
    headers: ['Content-Encoding', 'gzip'],
    body: gzipSync(Buffer.alloc(100_000)),
  });
  await assert.rejects(async () => preparation(needs, limits)?.(bomb), { status: 413 });
  const junk = newContext({ headers: ['Content-Encoding', 'gzip'], body: 'junk' });
  await assert.rejects(async () => preparation(needs, limits)?.(junk), { status: 400 });
});

test('a JSON value is made once for each body', () => {
  const context = newContext({ body: '{"a":{"b":2}}' });
  const read = (name: string) => compileField(`_ctx.request.body_json.${name}`).read(context);
  assert.deepEqual([read('a'), read('a.b'), read('c')], [{ b: 2 }, 2, undefined]);
  assert.equal(read('a'), read('a'));
  context.request.setBody(Buffer.from('{"a":3}'));
  assert.equal(read('a'), 3);
});

test('a body that is not JSON is refused, but the lines of a bulk request', () => {
  const body = '{"index":{}}\n{"a":1}\n';
  const { read } = compileField('_ctx.request.body_json.a');
  for (const target of ['/_bulk', '/i/_bulk/?refresh', '/i/t/_bulk', '/_msearch', '/i/_msearch']) {
    assert.equal(read(newContext({ target, body })), undefined, target);
  }
  for (const target of ['/i/_search', '/i/_doc/_bulk', '/_bulk/x', '/x_bulk']) {
    assert.throws(() => read(newContext({ target, body })), { code: 'REQUEST_MALFORMED' }, target);
  }
});

test('sets what may be set', async (t) => {
  const cases: [
    name: string,
    value: unknown,
    (context: ReturnType<typeof newContext>) => unknown,
    unknown,
  ][] = [
    [
      '_ctx.request.uri',
      'http://baidu.com/x y?a=b',
      ({ request }) => [request.headers.get('host'), request.target],
      ['baidu.com', '/x%20y?a=b'],
    ],
    ['_ctx.request.uri', 'http://baidu.com', ({ request }) => request.target, '/'],
    ['_ctx.request.uri', '/only?x=%20', ({ request }) => request.target, '/only?x=%20'],
    [
      '_ctx.request.path',
      'new_request_path',
      ({ request }) => request.target,
      '/new_request_path?from=1',
    ],
    ['_ctx.request.path', '/a?b', ({ request }) => request.target, '/a%3Fb?from=1'],
    [
      '_ctx.request.host',
      'api.infinilabs.com',
      ({ request }) => request.headers.asArray(),
      ['Host', 'api.infinilabs.com'],
    ],
    ['_ctx.request.method', 'DELETE', ({ request }) => request.method, 'DELETE'],
    ['_ctx.request.body', 'hello world', ({ request }) => bodyText(request), 'hello world'],
    [
      '_ctx.request.body_json.explain',
      true,
      ({ request }) => bodyText(request),
      '{"a":{"b":1},"explain":true}',
    ],
    ['_ctx.request.body_json.a.b', undefined, ({ request }) => bodyText(request), '{"a":{}}'],
    ['_ctx.request.query_args.from', 100, ({ request }) => request.target, '/p?from=100'],
    ['_ctx.request.query_args.q', 'a&b', ({ request }) => request.target, '/p?from=1&q=a%26b'],
    ['_ctx.request.query_args.from', undefined, ({ request }) => request.target, '/p'],
    [
      '_ctx.request.header.ENV',
      'dev',
      ({ request }) => request.headers.asArray().slice(2),
      ['ENV', 'dev'],
    ],
    ['_ctx.request.header.ENV', 'a\r\nB: c', ({ request }) => request.headers.get('env'), 'a B: c'],
    [
      '_ctx.response.content_type',
      'application/json',
      ({ response }) => response.headers.asArray(),
      ['Content-Type', 'application/json'],
    ],
    [
      '_ctx.response.header.TIMES',
      100,
      ({ response }) => response.headers.asArray(),
      ['TIMES', '100'],
    ],
    ['_ctx.response.status', '419', ({ response }) => response.status, 419],
    ['_ctx.response.body', 'new_body', ({ response }) => bodyText(response), 'new_body'],
    [
      '_ctx.response.body_json.success',
      true,
      ({ response }) => bodyText(response),
      '{"success":true}',
    ],
    ['my.own', 5, (context) => compileField('my.own').read(context), 5],
  ];
  for (const [name, value, read, expected] of cases) {
    await t.test(`${name} = ${String(value)}`, () => {
      const context = newContext({ target: '/p?from=1', body: '{"a":{"b":1}}' });
      compileWriter(name).set(context, value);
      assert.deepEqual(read(context), expected);
    });
  }
});

test('a query argument is set wherever a node would read it', () => {
  const cases: [query: string, value: unknown, expected: string][] = [
    ['size=1&size=2', 3, 'size=3'],
    ['a=b;size=2', 3, 'a=b;size=3'],
    ['size=1;a=b;size=2&c', 3, 'size=3;a=b&c'],
    ['a;%73ize=2', undefined, 'a'],
    ['size=2;a', undefined, 'a'],
    ['a=1;b=2&c', 3, 'a=1;b=2&c&size=3'],
    ['', 3, 'size=3'],
  ];
  const { write } = compileField('_ctx.request.query_args.size');
  for (const [query, value, expected] of cases) {
    const context = newContext({ target: `/p?${query}` });
    write?.set(context, value);
    assert.equal(context.request.query, expected, query);
  }
});

test('refuses to set what can only be read, and what makes no sense', () => {
  assert.throws(() => compileWriter('_ctx.remote_ip'), {
    code: 'PARAMETER_INVALID',
    message: '"_ctx.remote_ip" can only be read',
  });
  const context = newContext({ body: 'no JSON' });
  const set = (name: string, value: unknown) => compileWriter(name).set(context, value);
  assert.throws(() => set('_ctx.request.method', 'A B'), { code: 'REQUEST_MALFORMED' });
  assert.throws(() => set('_ctx.request.host', 'a/b'), { code: 'REQUEST_MALFORMED' });
  assert.throws(() => set('_ctx.request.body_json.a', 1), { code: 'REQUEST_MALFORMED' });
  assert.throws(() => set('_ctx.response.status', 'often'), RangeError);
});

test('other spellings of a path are read as that path', () => {
  const { read } = compileField('_ctx.request.path');
  for (const target of ['//_cluster///x', '/%5fcluster/x?a//b', 'http://h:1/_cluster/x']) {
    assert.equal(read(newContext({ target })), '/_cluster/x');
  }
});

test('a path is decoded to read and encoded to set, and an encoded slash stays what it is', () => {
  const field = compileField('_ctx.request.path');
  const target = '/%3Clogs-%7Bnow%2Fd%7D%3E/%5fsearch/100%25/%E4%BD%A0';
  const context = newContext({ target });
  assert.equal(field.read(context), '/<logs-{now%2Fd}>/_search/100%25/你');
  field.write?.set(context, field.read(context));
  assert.equal(context.request.target, target.replace('%5f', '_'));
});

test('edits keep the numbers of a body to the last digit', () => {
  const context = newContext({ body: '{"id":12345678901234567890,"price":1.0,"a":{"n":1e3}}' });
  const field = compileField('_ctx.request.body_json.a.x');
  field.write?.set(context, 'y');
  assert.equal(compileField('_ctx.request.body_json.price').read(context), 1);
  assert.equal(
    bodyText(context.request),
    '{"id":12345678901234567890,"price":1.0,"a":{"n":1e3,"x":"y"}}',
  );
});
