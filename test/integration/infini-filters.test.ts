/** What INFINI's documentation shows of each filter, with requests, and what is answered to them. */
import { test } from 'node:test';
import { type ExampleRequest, runExamples } from '../support/examples.ts';

function as(user: string, request: ExampleRequest = {}): ExampleRequest {
  return { ...request, headers: { Authorization: `Basic ${btoa(user)}` } };
}

const denied = { status: 403, headers: { filtered: 'true' } };

test('output', (t) =>
  runExamples(t, [
    {
      name: 'echo repeats, and has a default',
      flow: `  - name: echo
    filter:
      - echo:
          message: "hello\\n"
          repeat: 3
      - echo:`,
      asks: [[{}, { body: 'hello\nhello\nhello\n.' }]],
    },
    {
      name: 'set_response',
      flow: `  - name: set_response
    filter:
      - set_response:
          status: 201
          content_type: application/json
          body: '{"message":"hello"}'`,
      asks: [
        [
          {},
          {
            status: 201,
            body: '{"message":"hello"}',
            headers: { 'content-type': 'application/json' },
          },
        ],
      ],
    },
    {
      name: 'drop ends a request',
      flow: `  - name: drop
    filter:
      - drop:
      - echo:`,
      asks: [[{}, { body: '' }]],
    },
    {
      name: 'sleep, dump and logging leave the answer alone',
      flow: `  - name: sleep
    filter:
      - sleep:
          sleep_in_million_seconds: 10
      - dump:
          request: true
          context:
            - _ctx.id
            - _ctx.request.query_args.from
      - logging:
          queue_name: request_logging`,
      asks: [[{ path: '/?from=1' }, { body: '' }]],
    },
  ]));

test('changing', (t) =>
  runExamples(t, [
    {
      name: 'set_context',
      flow: `  - name: set_context
    filter:
      - set_response:
          body: '{"message":"hello"}'
      - set_context:
          context:
            _ctx.response.content_type: application/json
            _ctx.response.header.TIMES: 100
            _ctx.response.status: 419
            _ctx.response.body_json.success: true`,
      asks: [
        [
          {},
          { status: 419, body: '{"message":"hello","success":true}', headers: { times: '100' } },
        ],
      ],
    },
    {
      name: 'set_request_header, set_request_query_args, set_basic_auth and set_hostname',
      flow: `  - name: set_request
    filter:
      - set_request_header:
          headers:
            - Trial -> true
            - DePartment -> Engineering
      - set_request_query_args:
          args:
            - size -> 10
      - set_basic_auth:
          username: admin
          password: 12345
      - set_hostname:
          hostname: api.example.org
      - elasticsearch:
          elasticsearch: dev
      - set_response_header: { headers: ["Asked -> $[[_ctx.request.host]]"] }`,
      asks: [
        [
          as('me:secret', { path: '/i/_search?size=5&q=a' }),
          {
            body: /"GET \/i\/_search\?size=10&q=a".*"Authorization","Basic YWRtaW46MTIzNDU=".*"Trial","true","DePartment","Engineering"/,
            headers: { asked: 'api.example.org' },
          },
        ],
      ],
    },
    {
      name: 'set_response_header',
      flow: `  - name: set_response_header
    filter:
      - set_response_header:
          headers:
            - Trial -> true
            - Department -> Engineering`,
      asks: [[{}, { body: '', headers: { trial: 'true', department: 'Engineering' } }]],
    },
    {
      name: 'context_parse',
      flow: `  - name: context_parse
    filter:
      - context_parse:
          context: _ctx.request.path
          pattern: ^\\/.*?\\d{4}\\.(?P<month>\\d{2})\\.(?P<day>\\d{2}).*?
          group: "parsed_index"
      - echo: { message: "$[[parsed_index.month]]/$[[parsed_index.day]]" }`,
      asks: [
        [{ path: '/logs-2023.02.06-a/_search' }, { body: '02/06' }],
        [{ path: '/logs/_search' }, { body: '/' }],
      ],
    },
    {
      name: 'context_regex_replace',
      flow: `  - name: context_regex_replace
    filter:
      - context_regex_replace:
          context: "_ctx.request.path"
          pattern: "^/"
          to: "/cluster:"
          when:
            contains:
              _ctx.request.path: /_search
      - elasticsearch: { elasticsearch: dev }`,
      asks: [
        [{ path: '/abc/_search' }, { body: /"GET \/cluster:abc\/_search"/ }],
        [{ path: '/abc/_count' }, { body: /"GET \/abc\/_count"/ }],
      ],
    },
    {
      name: 'request_body_json_set',
      flow: `  - name: request_body_json_set
    filter:
      - request_body_json_set:
          path:
          - aggs.total.terms.field -> "name"
          - aggs.total.terms.size -> 3
          - size -> 0
      - elasticsearch: { elasticsearch: dev }`,
      asks: [
        [
          {
            method: 'POST',
            body: '{"size":900,"aggs":{"total":{"terms":{"field":"x","size":1}}}}',
          },
          {
            body: /"\{\\"size\\":0,\\"aggs\\":\{\\"total\\":\{\\"terms\\":\{\\"field\\":\\"name\\",\\"size\\":3\}\}\}\}"/,
          },
        ],
        [{ method: 'POST' }, { body: /\\"terms\\":\{\\"field\\":\\"name\\",\\"size\\":3\}/ }],
      ],
    },
    {
      name: 'response_body_regex_replace',
      flow: `  - name: response_body_regex_replace
    filter:
      - echo:
          message: "hello evening\\n"
      - response_body_regex_replace:
          pattern: evening
          to: world`,
      asks: [[{}, { body: 'hello world\n' }]],
    },
  ]));

test('deciding', (t) =>
  runExamples(t, [
    {
      name: 'request_method_filter alone',
      flow: `  - name: request_method_filter
    filter:
      - request_method_filter:
          exclude:
            - PUT
            - POST
          include:
            - GET
            - HEAD
            - DELETE`,
      asks: [
        [{}, { body: '', headers: { filtered: undefined } }],
        [{ method: 'DELETE' }, { body: '' }],
        [{ method: 'PUT' }, denied],
        [{ method: 'OPTIONS' }, denied],
      ],
    },
    {
      name: 'request_header_filter',
      flow: `  - name: request_header_filter
    filter:
      - request_header_filter:
          include:
          - TRACE: true`,
      asks: [
        [{ headers: { trace: 'true' } }, {}],
        [{ headers: { TRACE: 'false' } }, denied],
        [{}, denied],
      ],
    },
    {
      name: 'request_client_ip_filter',
      flow: `  - name: ip_elsewhere
    filter:
      - request_client_ip_filter:
          exclude:
          - 192.168.3.67
      - request_client_ip_filter:
          action: redirect_flow
          flow: ip_here
          exclude: 127.0.0.1
      - echo: { message: never }
  - name: ip_here
    filter:
      - echo:
          message: hello stranger`,
      asks: [[{}, { body: 'hello stranger', headers: { filtered: 'true' } }]],
    },
    {
      name: 'response_status_filter',
      flow: `  - name: response_status_filter
    filter:
      - elasticsearch: { elasticsearch: dev, when: { exists: [_ctx.request.header.X-Status] } }
      - response_status_filter:
          message: "filtered!"
          exclude:
            - 404
          include:
            - 200
            - 201
            - 500`,
      asks: [
        [{}, { body: '' }],
        [{ headers: { 'X-Status': '500' } }, { status: 500, body: /"cluster":"dev"/ }],
        [
          { headers: { 'X-Status': '404' } },
          {
            status: 403,
            body: '{"error":true,"message":"filtered!"}',
            headers: { original_status: '404' },
          },
        ],
        [{ headers: { 'X-Status': '202' } }, denied],
      ],
    },
    {
      name: 'context_filter',
      flow: `  - name: context_filter
    filter:
      - context_filter:
          context: _ctx.request.path
          message: "not allowed."
          status: 405
          must:
            prefix:
              - /medcl
            contain:
              - _search
            suffix:
              - _search
            wildcard:
              - /*/_search
            regex:
              - ^/m[\\w]+dcl
          must_not:
            prefix:
              - /.kibana
              - /gateway_requests*
            contain:
              - _refresh
            suffix:
              - _count
            wildcard:
              - /*/_refresh
            regex:
              - ^/\\.m[\\w]+dcl
          should:
            contain:
              - _async_search
      - echo: { message: allowed }`,
      asks: [
        [{ path: '/medcl/_search' }, { body: 'allowed' }],
        [
          { path: '/medcl/_refresh/_search' },
          { status: 405, body: '{"error":true,"message":"not allowed."}' },
        ],
        [{ path: '/other/_search' }, { status: 405 }],
      ],
    },
  ]));

test('routing', (t) =>
  runExamples(t, [
    {
      name: 'flow, by name and by a context value',
      flow: `  - name: by_host
    filter:
      - flow:
          flows:
          - counted
      - flow:
          ignore_undefined_flow: true
          context_flow:
            context: _ctx.request.host
            context_parse_pattern: (?P<uuid>^[0-9a-z_\\-]+)\\.
            flow_id_template: flow_$[[uuid]]
      - set_response:
          status: 503
          content_type: application/json
          body: '{"message":"unknown host"}'
  - name: counted
    filter: [{ set_response_header: { headers: [Counted -> yes] } }]
  - name: flow_api
    filter: [{ echo: { message: api } }]`,
      asks: [
        [{ headers: { Host: 'api.example.org' } }, { body: 'api', headers: { counted: 'yes' } }],
        [
          { headers: { Host: 'web.example.org' } },
          { status: 503, body: '{"message":"unknown host"}', headers: { counted: 'yes' } },
        ],
      ],
    },
    {
      name: 'switch',
      flow: `  - name: cross_cluster
    filter:
      - switch:
          path_rules:
            - prefix: "es1:"
              flow: es1_flow
            - prefix: "es2:"
              flow: es2_flow
      - elasticsearch:
          elasticsearch: dev
  - name: es1_flow
    filter: [{ elasticsearch: { elasticsearch: es1 } }]
  - name: es2_flow
    filter: [{ elasticsearch: { elasticsearch: es2 } }]`,
      asks: [
        [{ path: '/es1:_cat/nodes?v' }, { body: /"es1","target":"GET \/_cat\/nodes\?v"/ }],
        [{ path: '/es2%3A_cat/nodes' }, { body: /"es2","target":"GET \/_cat\/nodes"/ }],
        [{ path: '/es3:_cat/nodes' }, { body: /"dev","target":"GET \/es3:_cat\/nodes"/ }],
      ],
    },
    {
      name: 'context_switch',
      flow: `  - name: context_switch
    filter:
      - context_parse:
          context: _ctx.request.path
          pattern: \\d{4}\\.(?P<month>\\d{2})
          group: logging
      - context_switch:
          context: logging.month
          default_flow: month_other
          switch:
            - case: ["02","01"]
              action: redirect_flow
              flow: month_01_02
            - case: ["03"]
              action: redirect_flow
              flow: month_03
            - case: "04"
              action: drop
      - echo: { message: never }
  - name: month_other
    filter: [{ echo: { message: other, status: 404 } }]
  - name: month_01_02
    filter: [{ echo: { message: 01 or 02 } }]
  - name: month_03
    filter: [{ echo: { message: 03 } }]`,
      asks: [
        [{ path: '/logs-2023.01/_search' }, { body: '01 or 02' }],
        [{ path: '/logs-2023.02/_search' }, { body: '01 or 02' }],
        [{ path: '/logs-2023.03/_search' }, { body: '03' }],
        [{ path: '/logs-2023.04/_search' }, { body: '' }],
        [{ path: '/logs-2023.05/_search' }, { status: 404, body: 'other' }],
      ],
    },
    {
      name: 'ratio',
      flow: `  - name: ratio
    filter:
      - ratio:
          ratio: 1
          flow: picked
          continue: true
      - echo: { message: " and on, $[[_ctx.request.header.X-Ratio-Hit]]" }
  - name: picked
    filter: [{ echo: { message: picked } }]`,
      asks: [[{}, { body: 'picked and on, true' }]],
    },
    {
      name: 'clone answers with the last',
      flow: `  - name: double_write
    filter:
      - clone:
          flows:
            - write_to_a
            - write_to_b
      - echo: { message: never }
  - name: write_to_a
    filter: [{ elasticsearch: { elasticsearch: es1 } }]
  - name: write_to_b
    filter: [{ elasticsearch: { elasticsearch: es2 } }]`,
      asks: [
        [
          { method: 'PUT', path: '/i/_doc/1', body: '{}' },
          { body: /^\{"cluster":"es2","target":"PUT \/i\/_doc\/1",.*"body":"\{\}"\}$/ },
        ],
      ],
    },
    {
      name: 'redirect',
      flow: `  - name: redirect
    filter:
      - redirect:
          uri: https://example.org/a`,
      asks: [[{}, { status: 302, body: '', headers: { location: 'https://example.org/a' } }]],
    },
  ]));

test('access and limits', (t) =>
  runExamples(t, [
    {
      name: 'basic_auth',
      flow: `  - name: basic_auth
    filter:
      - basic_auth:
          valid_users:
            medcl: passwd
            other: 123`,
      asks: [
        [{}, { status: 401, body: 'Unauthorized' }],
        [as('medcl:123'), { status: 401 }],
        [as('medcl:passwd'), { body: '' }],
        [as('other:123'), { body: '' }],
      ],
    },
    {
      name: 'request_client_ip_limiter',
      flow: `  - name: by_ip
    filter:
      - request_client_ip_limiter:
          ip:
            - 127.0.0.1
          interval: 1h
          max_requests: 2
          action: drop
          message: "your ip reached our limit"`,
      asks: [
        [{}, {}],
        [{}, {}],
        [{}, { status: 429, body: 'your ip reached our limit' }],
      ],
    },
    {
      name: 'request_path_limiter',
      flow: `  - name: by_path
    filter:
      - request_path_limiter:
          interval: 1h
          message: "limit reached!"
          rules:
            - pattern: "/(?P<index_name>medcl)/_search"
              max_qps: 1
              group: index_name
            - pattern: "/(?P<index_name>.*?)/_search"
              max_qps: 2
              group: index_name`,
      asks: [
        [{ path: '/medcl/_search' }, {}],
        [{ path: '/medcl/_search' }, { status: 429, body: 'limit reached!' }],
        [{ path: '/other/_search' }, {}],
        [{ path: '/other/_search' }, {}],
        [{ path: '/other/_search' }, { status: 429 }],
        [{ path: '/other/_doc/1' }, {}],
      ],
    },
    {
      name: 'context_limiter',
      flow: `  - name: by_context
    filter:
      - context_limiter:
          interval: 1h
          max_requests: 1
          action: drop
          context:
            - _ctx.request.path
            - _ctx.request.header.Host
            - _ctx.request.header.Env`,
      asks: [
        [{ path: '/a' }, {}],
        [{ path: '/a' }, { status: 429, body: 'Reach request limit!' }],
        [{ path: '/a', headers: { Env: 'dev' } }, {}],
        [{ path: '/b' }, {}],
      ],
    },
  ]));
