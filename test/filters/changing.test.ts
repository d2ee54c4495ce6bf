/** Filters that change requests and responses. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { collect, isBuffered } from '../../src/http/body/body.ts';
import { HeaderList } from '../../src/http/headers/header-list.ts';
import { arriving, bodyText } from '../support/context.ts';
import { problemsOf, startFlows } from '../support/flows.ts';

test('set_context sets what its documentation lists', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_response:
          body: '{"message":"hello world"}'
      - set_context:
          context:
            _ctx.request.uri: http://example.com/x?y=z
            _ctx.request.path: new_request_path
            _ctx.request.host: api.example.com
            _ctx.request.method: DELETE
            _ctx.request.body: '{"query":{}}'
            _ctx.request.body_json.explain: true
            _ctx.request.query_args.from: 100
            _ctx.request.header.ENV: dev
            _ctx.response.content_type: "application/json"
            _ctx.response.header.TIMES: 100
            _ctx.response.status: 419
            _ctx.response.body_json.success: true`,
  );
  const { request, response } = await ask({ body: arriving('old') });
  assert.equal(request.method, 'DELETE');
  assert.equal(request.target, '/new_request_path?y=z&from=100');
  assert.deepEqual(request.headers.asArray(), ['Host', 'api.example.com', 'ENV', 'dev']);
  assert.equal(bodyText(request), '{"query":{},"explain":true}');
  assert.equal(response.status, 419);
  assert.equal(bodyText(response), '{"message":"hello world","success":true}');
  assert.deepEqual(response.headers.asArray(), [
    'Content-Type',
    'application/json',
    'TIMES',
    '100',
  ]);
});

test('set_context takes names in parts, and says which are none', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_context:
          context:
            _ctx:
              request: { header.X: "$[[_ctx.request.method]]", body_json.a: { b: c } }
              response.status: 202
            own: { x: 1 }
      - echo: { message: "$[[own.x]]", status: 202 }`,
  );
  const { request, response } = await ask({ method: 'PUT' });
  assert.equal(request.headers.get('x'), 'PUT');
  assert.equal(bodyText(request), '{"a":{"b":"c"}}');
  assert.deepEqual([response.status, bodyText(response)], [202, '1']);

  const context = '{ _ctx: { request: { pth: /a, path: "$[[_ctx.request.pth]]" }, reqest: {} } }';
  const problems = await problemsOf(
    t,
    `flow: [{ name: f, filter: [{ set_context: { context: ${context} } }] }]`,
  );
  const at = 'flow[0].filter[0].set_context.context._ctx';
  const [name, value, empty, ...others] = problems;
  assert.match(name ?? '', /^flow.*_ctx\.request\.pth: unknown field "_ctx\.request\.pth"/);
  assert.match(value ?? '', /^flow.*_ctx\.request\.path: unknown field "_ctx\.request\.pth"/);
  assert.match(empty ?? '', /^flow.*_ctx\.reqest: unknown field "_ctx\.reqest"/);
  assert.ok(problems.every((problem) => problem.startsWith(at)));
  assert.deepEqual(others, []);
});

test('set_context: below body_json a text that is JSON stands for its value', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_context:
          context:
            _ctx.request.body_json.name: '"quoted"'
            _ctx.request.body_json.text: plain
            _ctx.request.body_json.query: '{"match_all":{}}'
            _ctx.request.body_json.size: "10"
            _ctx.request.body_json.said: $[[_ctx.request.header.X]]`,
  );
  // What a client says is never more than a text.
  const { request } = await ask({ headers: ['X', '{"a":1}'] });
  assert.deepEqual(JSON.parse(bodyText(request)), {
    name: 'quoted',
    text: 'plain',
    query: { match_all: {} },
    size: 10,
    said: '{"a":1}',
  });
});

test('set_context fills templates in and keeps their types, also for variables', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_context:
          context:
            tenant.name: "$[[_ctx.request.username]]"
            tenant.size: $[[_ctx.request.body_json.size]]
            _ctx.request.body_json.tenant: $[[tenant]]
            _ctx.request.header.X-Id: "$[[_ctx.remote_ip]]/$[[tenant.size]]"`,
  );
  const { request } = await ask({
    headers: ['Authorization', 'Basic dTpw'],
    body: '{"size":5}',
  });
  assert.equal(bodyText(request), '{"size":5,"tenant":{"name":"u","size":5}}');
  assert.equal(request.headers.get('x-id'), '127.0.0.1/5');
});

test('set_context says what cannot be set', async (t) => {
  const problems = await problemsOf(
    t,
    `flow:
  - name: test
    filter:
      - set_context:
          context: { _ctx.remote_ip: x, _ctx.request.hedder.A: x, a: "$[[_ctx.none]]" }
      - set_context: {}`,
  );
  assert.match(problems.join('\n'), /_ctx.remote_ip: "_ctx.remote_ip" can only be read/);
  assert.match(problems.join('\n'), /did you mean "_ctx.request.header.A"/);
  assert.match(problems.join('\n'), /unknown field "_ctx.none"/);
  assert.match(problems.join('\n'), /"context" is missing/);
});

test('set_request_header and set_response_header set fields', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_request_header:
          headers:
            - Trial -> true
            - Department -> Engineering
            - X-From -> <$[[_ctx.request.path]]>
      - set_response_header:
          headers: ["Trial -> true", "X-Empty ->", "X-Arrow -> a -> b"]`,
  );
  const { request, response } = await ask({ target: '/p', headers: ['TRIAL', 'no', 'Trial', 'x'] });
  const fields = { Trial: 'true', Department: 'Engineering', 'X-From': '</p>' };
  assert.deepEqual(request.headers.asArray(), Object.entries(fields).flat());
  assert.deepEqual(response.headers.asArray(), [
    'Trial',
    'true',
    'X-Empty',
    '',
    'X-Arrow',
    'a -> b',
  ]);
});

test('an assignment needs its arrow, a name, and fields that exist', async (t) => {
  const problems = await problemsOf(
    t,
    `flow:
  - name: test
    filter:
      - set_request_header: { headers: ["Trial: true", "-> x", "A B -> c", "A -> $[[_ctx.x]]"] }`,
  );
  assert.equal(problems.length, 4);
  assert.match(problems[0] as string, /headers\[0\]: expected "name -> value", got "Trial: true"/);
  assert.match(problems[3] as string, /headers\[3\]: unknown field "_ctx.x"/);
});

test('what is no name of a header field cannot be set', async (t) => {
  const problems = await problemsOf(
    t,
    `flow:
  - name: test
    filter:
      - set_response_header: { headers: "A:b -> c" }
      - set_context: { context: { "_ctx.response.header.A:b": c } }`,
  );
  assert.deepEqual(problems, [
    'flow[0].filter[0].set_response_header.headers[0]: "A:b" is no name of a header field',
    'flow[0].filter[1].set_context.context._ctx.response.header.A:b: "_ctx.response.header.A:b" can only be read',
  ]);
});

test('a value from a client cannot add a header field', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_response_header: { headers: ["X -> $[[_ctx.request.query_args.x]]"] }`,
  );
  const { response } = await ask({ target: '/?x=a%0d%0aSet-Cookie:%20b' });
  assert.deepEqual(response.headers.asArray(), ['X', 'a Set-Cookie: b']);
});

test('set_request_query_args sets arguments', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_request_query_args: { args: ["size -> 10", "q -> a&b"] }`,
  );
  assert.equal(
    (await ask({ target: '/a?size=1&x=%41' })).request.target,
    '/a?size=10&x=%41&q=a%26b',
  );
  assert.equal((await ask({ target: '/a' })).request.target, '/a?size=10&q=a%26b');
});

test('set_hostname sets the host', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_hostname: { hostname: api.example.com }`,
  );
  const { request } = await ask({ headers: ['host', 'old', 'A', 'b'] });
  assert.deepEqual(request.headers.asArray(), ['Host', 'api.example.com', 'A', 'b']);
});

test('set_basic_auth sets who asks', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_basic_auth: { username: admin, password: "pässword" }`,
  );
  const { request } = await ask({ headers: ['authorization', 'Bearer x'] });
  const value = `Basic ${Buffer.from('admin:pässword').toString('base64')}`;
  assert.deepEqual(request.headers.asArray(), ['Authorization', value]);
});

const parse = `flow:
  - name: test
    filter:
      - context_parse:
          context: _ctx.request.path
          pattern: ^\\/.*?\\d{4}\\.(?P<month>\\d{2})\\.(?P<day>\\d{2}).*?
          group: "parsed_index"
      - echo:
          message: "$[[parsed_index.month]]/$[[parsed_index.day]]"
`;

test('context_parse takes parts of a value out', async (t) => {
  const { ask } = await startFlows(t, parse);
  const found = await ask({ target: '/abd-2023.02.06-abc/_search' });
  assert.equal(bodyText(found.response), '02/06');
  assert.equal(bodyText((await ask({ target: '/abd/_search' })).response), '/');
});

test('context_parse without the value is an error, unless that is skipped', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: strict
    filter:
      - context_parse: { context: _ctx.request.body_json.x, pattern: "(?P<a>.)" }
  - name: lenient
    filter:
      - context_parse: { context: _ctx.request.body_json.x, pattern: "(?P<a>.)", skip_error: true }
      - echo: { message: "<$[[a]]>" }
  - name: empty
    filter:
      - context_parse: { context: _ctx.request.header.X, pattern: "(?P<a>.)" }
      - echo: { message: "<$[[a]]>" }`,
  );
  await assert.rejects(ask(), {
    code: 'FILTER_FAILED',
    message: /has no _ctx.request.body_json.x/,
  });
  assert.equal(bodyText((await ask({}, 'lenient')).response), '<>');
  assert.equal(bodyText((await ask({ body: '{"x":"yz"}' }, 'lenient')).response), '<y>');
  // A field of the header that is not there is an empty text.
  assert.equal(bodyText((await ask({}, 'empty')).response), '<>');
});

test('context_parse does nothing without a named group', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow: [{ name: f, filter: [{ context_parse: { context: _ctx.request.path, pattern: "(x)" } }, { echo: {} }] }]`,
  );
  assert.equal(bodyText((await ask({ target: '/x' })).response), '.');
});

test('context_regex_replace changes a value, when its condition is met', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - context_regex_replace:
          context: "_ctx.request.path"
          pattern: "^/"
          to: "/cluster:"
          when:
            contains:
              _ctx.request.path: /_search`,
  );
  assert.equal((await ask({ target: '/abc/_search?q' })).request.target, '/cluster:abc/_search?q');
  assert.equal((await ask({ target: '/abc/_count' })).request.target, '/abc/_count');
});

test('context_regex_replace puts groups and templates in, and client text stays text', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - context_regex_replace:
          context: _ctx.request.body_json.query
          pattern: '(\\w+):(?P<value>\\w+)'
          to: '\${value}=$1[$[[_ctx.request.header.X]]]'
      - context_regex_replace: { context: _ctx.request.body_json.size, pattern: "0$", to: "" }
      - context_regex_replace: { context: _ctx.request.header.None, pattern: "^", to: b }`,
  );
  const { request } = await ask({
    headers: ['X', '$1'],
    body: arriving('{"query":"a:1 b:2","size":100}'),
  });
  assert.equal(bodyText(request), '{"query":"1=a[$1] 2=b[$1]","size":10}');
  assert.equal(request.headers.has('none'), false);
});

test('request_body_json_set sets values', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - request_body_json_set:
          path:
            - aggs.total_num.terms.field -> "name"
            - aggs.total_num.terms.size -> 3
            - size -> 0
  - name: existing
    filter:
      - request_body_json_set:
          ignore_missing: true
          path: ["size -> 0", "from -> plain text", "query.bool.must.[0].x -> $[[_ctx.id]]"]`,
  );
  const body = '{"query":{"bool":{"must":[{"x":7.0}]}},"aggs":{"total_num":{"terms":{"size":1}}}}';
  assert.equal(
    bodyText((await ask({ body: arriving(body) })).request),
    '{"query":{"bool":{"must":[{"x":7.0}]}},"aggs":{"total_num":{"terms":{"size":3,"field":"name"}}},"size":0}',
  );
  assert.equal(
    bodyText(
      (await ask({ body: '{"from":1,"query":{"bool":{"must":[{"x":7}]}}}' }, 'existing')).request,
    ),
    '{"from":"plain text","query":{"bool":{"must":[{"x":1}]}}}',
  );
  assert.equal(
    bodyText((await ask()).request),
    '{"aggs":{"total_num":{"terms":{"field":"name","size":3}}},"size":0}',
  );
});

test('request_body_json_set leaves what is not JSON as it is, and says so', async (t) => {
  const { ask, logged } = await startFlows(
    t,
    `flow: [{ name: f, filter: [{ request_body_json_set: { path: ["a -> 1"] } }] }]`,
  );
  const headers = ['Content-Type', 'text/plain'];
  assert.equal(bodyText((await ask({ headers, body: 'text' })).request), 'text');
  assert.match(logged.join(), /not JSON/);
  await assert.rejects(ask({ body: 'text' }), { code: 'REQUEST_MALFORMED' });
});

test('response_body_regex_replace changes a body', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - echo:
          message: "hello infini\\n"
      - response_body_regex_replace:
          pattern: infini
          to: world
  - name: proxied
    filter:
      - elasticsearch: { elasticsearch: dev }
      - response_body_regex_replace: { pattern: infini, to: world }`,
    {
      forward: ({ response }) => {
        response.status = 200;
        response.headers.set('Content-Encoding', 'gzip');
        response.body = arriving(gzipSync('an infini body'));
      },
    },
  );
  assert.equal(bodyText((await ask()).response), 'hello world\n');
  const { response } = await ask({}, 'proxied');
  assert.equal(bodyText(response), 'an world body');
  assert.equal(response.headers.has('content-encoding'), false);
});

/** What comes of a response with those fields and that body. */
async function replaced(
  t: TestContext,
  body: Buffer,
  fields: string[],
  { status = 200, method = 'GET', to = 'BARBAR' } = {},
) {
  const { ask, logged } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - elasticsearch: { elasticsearch: dev }
      - response_body_regex_replace: { pattern: foo, to: "${to}" }`,
    {
      forward: ({ response }) => {
        response.status = status;
        response.headers = new HeaderList([...fields]);
        response.body = method === 'HEAD' ? null : arriving(body);
      },
    },
  );
  const { response } = await ask({ method });
  const bytes = isBuffered(response.body)
    ? (response.body ?? Buffer.alloc(0))
    : await collect(response.body, 1e9);
  return { bytes, headers: response.headers, logged };
}

test('response_body_regex_replace changes text of the charset that it comes in', async (t) => {
  const cases: [type: string, encoding: (text: string) => Buffer, text: string][] = [
    ['text/plain; charset=iso-8859-1', (text) => Buffer.from(text, 'latin1'), 'foo \u00fc\u00e9'],
    ['text/html; charset="UTF-8"', (text) => Buffer.from(text), 'foo \u00fc \u65e5'],
    ['application/json', (text) => Buffer.from(text), '{"foo":"\u65e5"}'],
    ['text/plain;charset=utf-16le', (text) => Buffer.from(text, 'utf16le'), '\ufefffoo \u65e5'],
    ['text/plain;charset=utf-16be', (text) => Buffer.from(text, 'utf16le').swap16(), 'foo \u65e5'],
  ];
  for (const [type, encode, text] of cases) {
    const { bytes } = await replaced(t, encode(text), ['Content-Type', type]);
    assert.deepEqual(bytes, encode(text.replace('foo', 'BARBAR')), type);
  }
  const cyrillic = Buffer.from([0x66, 0x6f, 0x6f, 0xcf, 0xd0]);
  const type = ['Content-Type', 'text/plain; charset=windows-1251'];
  const { bytes } = await replaced(t, cyrillic, type, { to: '\u0436' });
  assert.deepEqual(bytes, Buffer.from([0xe6, 0xcf, 0xd0]));
});

test('response_body_regex_replace leaves bytes alone that are no text', async (t) => {
  const latin1 = Buffer.from('foo \xfc\xe9', 'latin1');
  const plain = Buffer.from('foo');
  const cases: [body: Buffer, fields: string[], options?: object][] = [
    [latin1, ['Content-Type', 'text/plain']],
    [latin1, []],
    [latin1, ['Content-Type', 'text/plain; charset=shift_jis']],
    [latin1, ['Content-Type', 'text/plain; charset=none-such']],
    [latin1, ['Content-Type', 'text/plain; charset=iso-8859-1'], { to: '\u65e5' }],
    [plain, ['Content-Type', 'image/png']],
    [plain, ['Content-Type', 'video/mp4']],
    [plain, ['Content-Type', 'application/zip']],
    [Buffer.from('foo\0'), []],
    [plain, ['Content-Encoding', 'snappy']],
    [plain, ['Content-Encoding', 'gzip, snappy']],
    [plain, ['Content-Type', 'text/plain', 'Content-Range', 'bytes 0-2/9'], { status: 206 }],
  ];
  for (const [body, fields, options] of cases) {
    const tagged = [...fields, 'ETag', '"x"', 'Accept-Ranges', 'bytes'];
    const { bytes, headers } = await replaced(t, body, tagged, options);
    assert.deepEqual(bytes, body, fields.join());
    assert.deepEqual(headers.asArray(), tagged);
  }
  const { logged } = await replaced(t, latin1, ['Content-Type', 'text/plain; charset=latin1'], {
    to: '\u65e5',
  });
  assert.match(logged.join(), /lacks characters/);
});

test('what fields say of the bytes of a body is taken back when it changes', async (t) => {
  const fields = [
    'ETag',
    '"x"',
    'Content-MD5',
    'y',
    'Digest',
    'z',
    'Accept-Ranges',
    'bytes',
    'A',
    'b',
  ];
  const changed = await replaced(t, Buffer.from('foo'), fields);
  assert.deepEqual(changed.headers.asArray(), ['ETag', 'W/"x"', 'A', 'b']);
  const same = await replaced(t, Buffer.from('bar'), fields);
  assert.deepEqual(same.headers.asArray(), fields);
  const head = await replaced(t, Buffer.alloc(0), ['Content-Length', '3'], { method: 'HEAD' });
  assert.deepEqual(head.headers.asArray(), []);

  const { ask } = await startFlows(
    t,
    `flow:
  - name: f
    filter:
      - request_body_json_set: { path: ["size -> 3"] }
      - elasticsearch: { elasticsearch: dev }
      - set_context: { context: { _ctx.response.body_json.a: 1 } }`,
    {
      forward: ({ response }) => {
        response.status = 200;
        response.headers.set('ETag', '"x"');
        response.body = arriving('{}');
      },
    },
  );
  const { request, response } = await ask({ headers: ['Content-MD5', 'x'], body: '{}' });
  assert.deepEqual([bodyText(request), bodyText(response)], ['{"size":3}', '{"a":1}']);
  assert.equal(request.headers.has('content-md5'), false);
  assert.equal(response.headers.get('etag'), 'W/"x"');
});

test('a long text is looked through beside other requests', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: f
    filter:
      - set_context: { context: { word: "$1" } }
      - context_regex_replace: { context: _ctx.request.body, pattern: "(a)(?P<n>b)+c", to: "<$1\${n}$$ $[[word]]>" }
  - name: quick
    filter: [{ set_response: { status: 204 } }]`,
  );
  const text = `${'xyz '.repeat(1e6)}abbc ${'ab'.repeat(1e6)}`;
  let over = false;
  const long = ask({ body: text }).finally(() => (over = true));
  await ask({}, 'quick');
  assert.equal(over, false, 'the other request did not wait');
  assert.equal(bodyText((await long).request), text.replace('abbc', '<ab$ $1>'));
});

test('echo adds to what a compressed body says', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: f
    filter:
      - elasticsearch: { elasticsearch: dev }
      - echo: { message: "|tail" }`,
    {
      forward: ({ request, response }) => {
        const coding = request.headers.get('x') as string;
        response.status = 200;
        response.headers.set('Content-Encoding', coding);
        const bytes = coding === 'gzip' ? gzipSync('body') : Buffer.from('rubbish');
        response.body = request.method === 'PUT' ? bytes : arriving(bytes);
      },
    },
  );
  for (const method of ['GET', 'PUT']) {
    const { response } = await ask({ method, headers: ['X', 'gzip'] });
    assert.equal(bodyText(response), 'body|tail');
    assert.equal(response.headers.has('content-encoding'), false);
    const opaque = (await ask({ method, headers: ['X', 'snappy'] })).response;
    assert.equal((await collect(opaque.body, 100)).toString(), 'rubbish');
    assert.equal(opaque.headers.get('content-encoding'), 'snappy');
  }
});
