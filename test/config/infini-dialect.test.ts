/** Configurations in the dialect of INFINI Gateway: what its documentation describes is accepted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filters } from '../../src/filters/index.ts';
import { knownFilters } from '../../src/config/schema/infini.ts';
import { problemsOf } from '../support/flows.ts';

/** Filters as they are written there, one or more of each kind that we have. */
const accepted: readonly string[] = [
  'basic_auth: { valid_users: { me: secret, other: 123 } }',
  'clone: { flows: [a, b] }',
  'clone: { flows: [a], continue: true }',
  'context_filter: { context: _ctx.request.path, message: no, status: 403, must: { prefix: [/a], contain: [_search], suffix: [_count], wildcard: ["/*/_doc"], regex: ["^/m[\\\\w]+"] }, must_not: { prefix: [/.kibana] } }',
  'context_filter: { context: _ctx.request.path, action: redirect_flow, flow: a, should: { contain: [_all] } }',
  'context_limiter: { max_requests: 1, action: drop, context: [_ctx.request.path, _ctx.request.header.Host, _ctx.request.header.Env] }',
  'context_limiter: { interval: 10s, max_bytes: 102400, burst_bytes: 204800, burst_requests: 2, max_requests: 1, status: "429", retry_delay_in_ms: 10, max_retry_times: 1000, failed_retry_message: no, log_warn_message: true, context: [_ctx.request.username] }',
  'context_parse: { context: _ctx.request.path, pattern: "^/.*?(?P<year>\\\\d{4})\\\\.(?P<month>\\\\d{2})", group: parsed, skip_error: true }',
  'context_regex_replace: { context: "_ctx.request.path", pattern: "1234", to: "321", when: { contains: { _ctx.request.path: /a } } }',
  'context_switch: { context: parsed.index, default_flow: a, default_action: redirect_flow, continue: true, skip_error: true, stringify_value: true, switch: [{ case: [x, 1], action: redirect_flow, flow: b }, { case: [y], action: drop }] }',
  'drop:',
  'dump: { request: true, response: true, uri: true, query_args: true, user: true, api_key: true, request_header: true, response_header: true, status_code: true, context: [_ctx.request.path] }',
  'echo: { message: "hello", repeat: 3, continue: true }',
  'elasticsearch: { elasticsearch: dev, max_connection_per_node: 1000, timeout: 60s, balancer: weight, weights: [{ host: "192.168.3.201:9200", weight: 10 }], refresh: { enabled: true, interval: 30s }, filter: { roles: { exclude: [master] }, tags: { include: [{ temp: hot }] }, hosts: { exclude: ["192.168.3.201:9200"] } } }',
  'elasticsearch_health_check: { elasticsearch: dev, interval: 1s }',
  'flow: { flow: a }',
  'flow: { flows: [a, b] }',
  'flow: { ignore_undefined_flow: true, flow: "cluster_$[[_ctx.request.host]]" }',
  'http: { schema: https, host: "192.168.3.98:5601", timeout: 10s }',
  'http: { schema: http, hosts: ["192.168.3.98:5601", "192.168.3.99:5601"] }',
  'logging: { queue_name: request_logging, max_request_body_size: 4096, max_response_body_size: 4096, min_elapsed_time_in_ms: 10, format_header_keys: true, remove_authorization: false }',
  'ratio: { ratio: 0.1, flow: a, action: redirect_flow, continue: true }',
  'redirect: { uri: "https://example.org", code: 302 }',
  'request_body_json_set: { path: [aggs.total_num.terms.field -> "name", size -> 0], ignore_missing: true }',
  'request_client_ip_filter: { exclude: [192.168.3.67], message: no }',
  'request_client_ip_filter: { include: [192.168.3.67], action: redirect_flow, flow: a }',
  'request_client_ip_limiter: { ip: [127.0.0.1], max_requests: 256, action: retry, message: "your ip reached our limit" }',
  'request_header_filter: { exclude: [{ INDEX: abc }], include: [{ TRACE: true }] }',
  'request_method_filter: { exclude: [PUT, POST], include: [GET] }',
  'request_path_limiter: { message: no, rules: [{ pattern: "/(?P<index_name>me)/_search", max_qps: 3, group: index_name }, { pattern: "/(?P<index_name>.*?)/_search", max_qps: 100, group: index_name }] }',
  'response_body_regex_replace: { pattern: "test", to: "hello" }',
  'response_status_filter: { message: no, exclude: [404], include: [200, 201, 500] }',
  'set_basic_auth: { username: admin, password: password }',
  'set_context: { context: { _ctx.request.uri: "http://x/y", _ctx.request.body_json.explain: true, _ctx.request.query_args.from: 123, _ctx.request.header.ENV: dev, _ctx.response.content_type: application/json, _ctx.response.header.TIMES: 100, _ctx.response.status: 419, _ctx.response.body: no } }',
  'set_hostname: { hostname: api.example.org }',
  'set_request_header: { headers: [Trial -> true, Department -> Engineering] }',
  'set_request_query_args: { args: [size -> 10] }',
  'set_response: { status: 201, content_type: "text/plain; charset=utf-8", body: test }',
  'set_response_header: { headers: [Trial -> true] }',
  'sleep: { sleep_in_million_seconds: 1024 }',
  'switch: { path_rules: [{ prefix: es1-, flow: a }, { prefix: es2-, flow: b }], remove_prefix: true, continue: true }',
];

const conditions: readonly string[] = [
  '{ equals: { _ctx.request.method: GET } }',
  '{ contains: { _ctx.response.body: error } }',
  '{ prefix: { _ctx.request.path: /filebeat } }',
  '{ suffix: { _ctx.request.path: /_search } }',
  '{ regexp: { _ctx.request.uri: ".*/_search" } }',
  '{ range: { _ctx.response.code: { gte: 400 } } }',
  '{ range: { _ctx.request.body_length.gte: 100, _ctx.request.body_length.lt: 5000 } }',
  '{ network: { _ctx.request.client_ip: private } }',
  "{ network: { _ctx.request.client_ip: ['192.168.3.0/24', '10.1.0.0/8', loopback] } }",
  '{ exists: [_ctx.request.user] }',
  '{ in: { _ctx.response.status: [403, 404, 200, 201] } }',
  '{ cluster_available: [dev] }',
  '{ or: [{ equals: { _ctx.response.code: 304 } }, { equals: { _ctx.response.code: 404 } }] }',
  '{ and: [{ equals: { _ctx.response.code: 200 } }, { equals: { _ctx.status: OK } }] }',
  '{ not: { equals: { _ctx.status: OK } } }',
];

const flows = '  - { name: a }\n  - { name: b }\n';

test('each kind of filter is written as INFINI documents it', async (t) => {
  const written = new Set(accepted.map((text) => text.slice(0, text.indexOf(':'))));
  const ours = filters.map(({ name }) => name).filter((name) => knownFilters.has(name));
  assert.deepEqual(
    ours.filter((name) => !written.has(name)),
    [],
  );
  for (const filter of accepted) {
    const item = filter.endsWith(':') ? `{ ${filter} }` : `{ ${filter} }`;
    const yaml = `flow:\n  - { name: f, filter: [${item}] }\n${flows}`;
    assert.deepEqual(await problemsOf(t, yaml), [], filter);
  }
});

test('each condition is written as INFINI documents it', async (t) => {
  for (const condition of conditions) {
    const yaml = `flow:\n  - { name: f, filter: [{ echo: { when: ${condition} } }, { if: ${condition}, then: [{ drop: }], else: [{ drop: }] }] }\n${flows}`;
    assert.deepEqual(await problemsOf(t, yaml), [], condition);
  }
});

test('what INFINI has, and we have not, is told apart from typing mistakes', async (t) => {
  const ours = new Set(filters.map(({ name }) => name));
  const others = [...knownFilters].filter((name) => !ours.has(name));
  const items = others.map((name) => `      - ${name}: {}\n`);
  const problems = await problemsOf(t, `flow:\n  - name: f\n    filter:\n${items.join('')}`);
  assert.deepEqual(
    problems,
    others.map(
      (name, i) => `flow[0].filter[${i}].${name}: the filter "${name}" is not supported yet`,
    ),
  );
  const lag = await problemsOf(
    t,
    'flow: [{ name: f, filter: [{ drop: { when: { queue_has_lag: [a] } } }] }]',
  );
  assert.match(lag.join(), /"queue_has_lag" is not supported yet/);
});
