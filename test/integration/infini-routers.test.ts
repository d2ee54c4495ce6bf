/** What INFINI's documentation shows of routers, conditions and the context, on a real gateway. */
import { test } from 'node:test';
import { type Example, type ExampleRequest, runExamples } from '../support/examples.ts';

/** Patterns, each with the paths that it takes and those that it does not. */
const patterns: readonly [pattern: string, taken: readonly string[], others: readonly string[]][] =
  [
    ['/user/{user}', ['/user/gordon', '/user/you'], ['/user/gordon/profile', '/user/', '/user']],
    [
      '/user/{user}_admin',
      ['/user/gordon_admin', '/user/you_admin'],
      ['/user/you', '/user/gordon/profile', '/user/gordon_admin/profile', '/user/'],
    ],
    ['/src/{filepath:*}', ['/src/', '/src/somefile.go', '/src/subdir/somefile.go'], ['/srcs/a']],
    ['/a/{name?}', ['/a', '/a/', '/a/b'], ['/a/b/c', '/ab', '/']],
    ['/{name:[a-zA-Z]}', ['/a', '/Z', '/a/'], ['/ab', '/1']],
  ];

test('patterns', (t) => {
  const examples = patterns.map(([pattern, taken, others], index): Example => {
    const name = `taken_${index}`;
    return {
      name: pattern,
      router: `    rules: [{ method: GET, pattern: "${pattern}", flow: ${name} }]`,
      flow: `  - name: other_${index}
    filter: [{ echo: { message: other } }]
  - name: ${name}
    filter: [{ echo: { message: taken } }]`,
      asks: [
        ...taken.map((path) => [{ path }, { body: 'taken' }] as const),
        ...others.map((path) => [{ path }, { body: 'other' }] as const),
        [{ path: taken[0] ?? '', method: 'PUT' }, { body: 'other' }],
      ],
    };
  });
  return runExamples(t, examples);
});

test('a cluster that is switched off answers 503, and is never available', (t) =>
  runExamples(t, [
    {
      name: 'a flow that names it',
      flow: `  - name: main
    filter: [{ if: { cluster_available: [idle] }, then: [{ drop: }], else: [{ elasticsearch: { elasticsearch: idle } }] }]`,
      asks: [[{ path: '/' }, { status: 503 }]],
    },
  ]));

test('routers', (t) =>
  runExamples(t, [
    {
      name: 'methods, several patterns, several flows in sequence, and variables',
      router: `    rules:
      - method:
          - PUT
          - POST
        pattern:
          - "/_bulk"
          - "/{index_name}/_bulk"
        flow:
          - bulk_checked
          - bulk_process
      - method: "*"
        pattern: "/{index_name}/{rest:*}"
        flow: anything`,
      flow: `  - name: default_flow
    filter: [{ echo: { message: default } }]
  - name: bulk_checked
    filter: [{ set_response_header: { headers: [Checked -> true] } }]
  - name: bulk_process
    filter: [{ echo: { message: "bulk of $[[index_name]]" } }]
  - name: anything
    filter: [{ echo: { message: "$[[_ctx.request.path_args.index_name]], $[[rest]]" } }]`,
      asks: [
        [
          { method: 'PUT', path: '/_bulk' },
          { body: 'bulk of ', headers: { checked: 'true' } },
        ],
        [{ method: 'POST', path: '/logs/_bulk?refresh' }, { body: 'bulk of logs' }],
        [{ path: '/_bulk' }, { body: 'default', headers: { checked: undefined } }],
        [{ path: '/logs/_bulk' }, { body: 'logs, _bulk' }],
        [{ method: 'DELETE', path: '/logs/_doc/1' }, { body: 'logs, _doc/1' }],
      ],
    },
    {
      name: 'no flow for a request',
      withoutDefault: true,
      router: '    rules: [{ method: GET, pattern: /known, flow: known }]',
      flow: `  - name: known
    filter: [{ echo: { message: known } }]`,
      asks: [
        [{ path: '/known' }, { body: 'known' }],
        [{ path: '/other' }, { status: 404, body: 'NOT FOUND' }],
        [
          { method: 'POST', path: '/known' },
          { status: 404, body: 'NOT FOUND' },
        ],
      ],
    },
    {
      name: 'rules that can be switched off',
      router: `    rule_toggle_enabled: true
    rules:
      - { method: GET, pattern: /on, flow: on, enabled: true }
      - { method: GET, pattern: /off, flow: on, enabled: false }`,
      flow: `  - name: instead
    filter: [{ echo: { message: instead } }]
  - name: on
    filter: [{ echo: { message: on } }]`,
      asks: [
        [{ path: '/on' }, { body: 'on' }],
        [{ path: '/off' }, { body: 'instead' }],
      ],
    },
  ]));

const authorization = `Basic ${btoa('medcl:123')}`;
const search =
  '{"query":{"bool":{"must":[{"match":{"name":"A"}},{"match":{"age":18}}]}},"size":900}';

/** Conditions, a request that meets each, and one that does not. */
const conditions: readonly [
  condition: string,
  met: ExampleRequest | null,
  unmet: ExampleRequest | null,
][] = [
  ['equals: { _ctx.request.method: GET }', {}, { method: 'PUT' }],
  ['contains: { _ctx.response.body: "sorry" }', { path: '/sorry' }, {}],
  ['prefix: { _ctx.request.path: "/filebeat" }', { path: '/filebeat-1/_doc' }, { path: '/x' }],
  ['suffix: { _ctx.request.path: "/_search" }', { path: '/x/_search?q' }, { path: '/_search/x' }],
  ['regexp: { _ctx.request.uri: ".*/_search" }', { path: '/x/_search?q' }, { path: '/x' }],
  ['range: { _ctx.response.code: { gte: 400 } }', { path: '/sorry' }, {}],
  [
    'range: { _ctx.request.body_length.gte: 100, _ctx.request.body_length.lt: 200 }',
    { method: 'POST', body: 'x'.repeat(100) },
    { method: 'POST', body: 'x'.repeat(200) },
  ],
  ['network: { _ctx.request.client_ip: private }', null, {}],
  ["network: { _ctx.request.client_ip: ['192.168.3.0/24', loopback] }", {}, null],
  ["exists: ['_ctx.request.user']", { headers: { authorization } }, {}],
  ['in: { _ctx.response.status: [ 403,404 ] }', { path: '/sorry' }, {}],
  ['cluster_available: ["dev"]', {}, null],
  [
    'or: [{ equals: { _ctx.response.code: 304 } }, { equals: { _ctx.response.code: 404 } }]',
    { path: '/sorry' },
    {},
  ],
  [
    'and: [{ equals: { _ctx.response.code: 0 } }, { equals: { _ctx.status: OK } }]',
    {},
    { path: '/sorry' },
  ],
  ['not: { equals: { _ctx.status: OK } }', { path: '/sorry' }, {}],
  [
    'equals: { "_ctx.request.body_json.query.bool.must.[1].match.age": 18 }',
    { method: 'POST', body: search },
    { method: 'POST', body: '{}' },
  ],
];

test('conditions, in when and in if', (t) => {
  const examples = conditions.map(([condition, met, unmet], index): Example => {
    const yes = met ? ([[met, { body: / when then$/ }]] as const) : [];
    const no = unmet ? ([[unmet, { body: /^[^w]* else$/ }]] as const) : [];
    return {
      name: condition,
      flow: `  - name: condition_${index}
    filter:
      - set_response: { status: 404, body: so sorry, when: { equals: { _ctx.request.path: /sorry } } }
      - set_context: { context: { said: "" } }
      - set_context:
          when:
            ${condition}
          context: { said: " when" }
      - if:
          ${condition}
        then:
          - set_context: { context: { said: "$[[said]] then" } }
        else:
          - set_context: { context: { said: "$[[said]] else" } }
      - echo: { message: "$[[said]]" }`,
      asks: [...yes, ...no],
    };
  });
  return runExamples(t, examples);
});

test('the context', (t) =>
  runExamples(t, [
    {
      name: 'of a request and its response',
      flow: `  - name: context
    filter:
      - set_response: { status: 201, content_type: "text/plain; charset=utf-8", body: hello }
      - set_response_header: { headers: [Env -> Dev] }
      - echo:
          status: 201
          message: |
            :
            $[[_ctx.tls]] $[[_ctx.remote_ip]] $[[_ctx.local_ip]]
            $[[_ctx.request.method]] $[[_ctx.request.path]] $[[_ctx.request.query_args.from]] $[[_ctx.request.query_args.size]]
            $[[_ctx.request.user]] $[[_ctx.request.username]] $[[_ctx.request.password]] $[[_ctx.request.header.Accept]]
            $[[_ctx.request.body]] $[[_ctx.request.body_length]] $[[_ctx.request.body_json.size]]
            $[[_ctx.response.status]] $[[_ctx.response.content_type]] $[[_ctx.response.body_length]] $[[_ctx.response.header.Env]]`,
      asks: [
        [
          {
            method: 'POST',
            path: '/medcl/_search?from=1&size=100',
            headers: { authorization, accept: '*/*' },
            body: search,
          },
          {
            status: 201,
            body: `hello:
false 127.0.0.1 127.0.0.1
POST /medcl/_search 1 100
medcl medcl 123 */*
${search} ${search.length} 900
201 text/plain; charset=utf-8 5 Dev
`,
          },
        ],
      ],
    },
    {
      name: 'of the system, and utilities',
      flow: `  - name: system
    filter:
      - echo: { message: "$[[_sys.month_of_now]] $[[_sys.weekday_of_now]] $[[_sys.day_of_now]] $[[_sys.hour_of_now]] $[[_sys.minute_of_now]] $[[_sys.second_of_now]] $[[_sys.unix_timestamp_of_now]] $[[_sys.unix_timestamp_milli_of_now]] $[[_util.increment_id]] $[[_util.increment_id.mine]] $[[_util.generate_uuid]] $[[_sys.hostname]]" }`,
      asks: [
        [
          {},
          {
            body: /^(?:[1-9]|1[0-2]) [0-6] (?:[1-9]|[12]\d|3[01]) (?:\d|1\d|2[0-3]) [1-5]?\d [1-5]?\d \d{10} \d{13} \d+ \d+ [\da-f-]{36} \S+$/,
          },
        ],
      ],
    },
  ]));
