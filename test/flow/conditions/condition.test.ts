import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { basicAuth } from '../../../src/http/basic-auth.ts';
import type { Needs } from '../../../src/context/requirements.ts';
import { checkCondition, compileCondition } from '../../../src/flow/conditions/condition.ts';
import { newContext } from '../../support/context.ts';

const services = {
  clusterAvailability: (name: string) =>
    name === 'prod' ? () => true : name === 'dev' ? () => false : undefined,
};

const context = newContext({
  method: 'GET',
  target: '/filebeat-7/_search?from=100',
  headers: ['Host', 'h', 'Authorization', basicAuth({ username: 'u', password: 'p' })],
  body: '{"size":5,"tags":["red","blue"],"on":true}',
  client: { remoteAddress: '192.168.3.7' },
});
context.response.status = 404;
context.response.body = Buffer.from('an error occurred');

function needsOf(yaml: string): Needs {
  return compileCondition(parse(yaml), services).needs;
}

/** YAML of a condition, and what it comes to for the request above. */
const cases: [yaml: string, expected: boolean][] = [
  ['equals: { _ctx.request.method: GET }', true],
  ['equals: { _ctx.request.method: get }', false],
  ['equals: { _ctx.response.code: 404 }', true],
  ['equals: { _ctx.response.code: "404" }', true],
  ['equals: { _ctx.request.query_args.from: 100 }', true],
  ['equals: { _ctx.request.body_json.on: "true" }', true],
  ['equals: { _ctx.request.body_json.none: "" }', false],
  ['equals: { _ctx.request.method: GET, _ctx.response.status: 404 }', true],
  ['equals: { _ctx.request.method: GET, _ctx.response.status: 200 }', false],
  ['equals: { _ctx: { request: { method: GET } } }', true],
  ['equals: { _ctx.request: { body_json.size: 5, method: GET } }', true],
  ['contains: { _ctx.response.body: error }', true],
  ['contains: { _ctx.response.body: Error }', false],
  ['contains: { _ctx.request.body_json.tags: blu }', true],
  ['contains: { _ctx.request.header.None: "" }', true],
  ['equals: { _ctx.request.header.None: "" }', true],
  ['prefix: { _ctx.request.path: /filebeat }', true],
  ['prefix: { _ctx.request.path: filebeat }', false],
  ['suffix: { _ctx.request.path: /_search }', true],
  ['suffix: { _ctx.request.uri: /_search }', false],
  ['regexp: { _ctx.request.uri: ".*/_search" }', true],
  ['regexp: { _ctx.request.uri: "^/filebeat" }', false],
  ['regexp: { _ctx.response.status: "^4" }', true],
  ['range: { _ctx.response.code: { gte: 400 } }', true],
  ['range: { _ctx.response.code: { gt: 404 } }', false],
  ['range: { _ctx.response.code.gte: 400, _ctx.response.code.lt: 404 }', false],
  ['range: { _ctx.request.body_length.gte: 10, _ctx.request.body_length.lt: 5000 }', true],
  ['range: { _ctx.request.query_args.from.lte: 100 }', true],
  ['range: { _ctx.request.query_args.none.lte: 100 }', false],
  ['range: { _ctx.request.method.gte: 0 }', false],
  ['network: { _ctx.request.client_ip: private }', true],
  ["network: { _ctx.remote_ip: '192.168.3.0/24' }", true],
  ["network: { _ctx.remote_ip: ['10.0.0.0/8', loopback] }", false],
  ['network: { _ctx.remote_ip: global_unicast }', true],
  ["network: { _ctx.request.client_ip: ['192.168.3.0/24', '10.1.0.0/8', loopback] }", true],
  ["exists: ['_ctx.request.user']", true],
  ['exists: _ctx.request.header.host', true],
  ['exists: [_ctx.request.user, _ctx.request.header.X]', false],
  ['exists: _ctx.request.query_args.none', false],
  ['in: { _ctx.response.status: [403, 404, 200, 201] }', true],
  ['in: { _ctx.response.status: ["404"] }', true],
  ['in: { _ctx.request.method: [PUT, POST] }', false],
  ['in: { _ctx.request.header.X: [""] }', true],
  ['in: { _ctx.request.body_json.none: [""] }', false],
  ['cluster_available: [prod]', true],
  ['cluster_available: [prod, dev]', false],
  ['or: [{ equals: { _ctx.response.code: 304 } }, { equals: { _ctx.response.code: 404 } }]', true],
  ['or: [{ equals: { _ctx.response.code: 304 } }, { equals: { _ctx.response.code: 305 } }]', false],
  ['and: [{ equals: { _ctx.response.code: 404 } }, { equals: { _ctx.status: Not Found } }]', true],
  ['and: [{ equals: { _ctx.response.code: 404 } }, { equals: { _ctx.status: OK } }]', false],
  ['not: { equals: { _ctx.status: OK } }', true],
  ['not: { not: { exists: [_ctx.request.host] } }', true],
  [
    `or:
       - equals: { _ctx.request.method: PUT }
       - and:
           - prefix: { _ctx.request.path: / }
           - not: { contains: { _ctx.request.path: _bulk } }`,
    true,
  ],
];

for (const [yaml, expected] of cases) {
  test(`${yaml.replace(/\s+/g, ' ')} is ${expected}`, () => {
    const condition: unknown = parse(yaml);
    assert.deepEqual(checkCondition(condition, ['prod', 'dev']), []);
    assert.equal(compileCondition(condition, services).test(context), expected);
  });
}

/** Texts that Elasticsearch, which is written in Java, takes for the number 500, and some that it does not. */
const numbers: [text: string, is500: boolean][] = [
  ['500d', true],
  ['500.F', true],
  ['5e2f', true],
  [' 500 ', true],
  ['\u0000500\u0001', true],
  ['0x1f4p0', true],
  ['0X.1F4P+12', true],
  ['0xfa00p-7d', true],
  ['+0x1.f4p8', true],
  [`0x1f4${'0'.repeat(400)}p-1600`, true],
  ['\u0665\u0660\u0660', true],
  ['\uff15\u09660', true],
  ['-0x1f4p0', false],
  ['0x0p99999', false],
  ['500x', false],
  ['500dd', false],
  ['d', false],
  ['0xp', false],
  ['\u0000', false],
];

for (const [text, is500] of numbers) {
  test(`${JSON.stringify(text)} is ${is500 ? '' : 'not '}500 in a comparison`, () => {
    const { test: isIt } = compileCondition(
      parse('range: { _ctx.request.body_json.size: { gte: 500, lte: 500 } }'),
      services,
    );
    assert.equal(isIt(newContext({ body: JSON.stringify({ size: text }) })), is500);
  });
}

/** Queries in which Elasticsearch reads size 500, and which conditions on it hold for. */
const queries: [query: string, holds: boolean][] = [
  ['size=500', true],
  ['size=1&size=500', true],
  ['size=500&size=1', true],
  ['a=1;size=500', true],
  ['size=1;%73ize=500', true],
  ['size=%D9%A5%D9%A0%D9%A0', true],
  ['a=size=500', false],
  ['a=1%3Bsize=500', false],
  ['size=1', false],
];

for (const [query, holds] of queries) {
  test(`conditions on an argument ${holds ? 'hold' : 'do not hold'} for ?${query}`, () => {
    const request = newContext({ target: `/_search?${query}` });
    const isIn = (yaml: string): boolean => compileCondition(parse(yaml), services).test(request);
    assert.equal(isIn('range: { _ctx.request.query_args.size: { gt: 100 } }'), holds);
    if (!query.includes('%D9')) {
      assert.equal(isIn('equals: { _ctx.request.query_args.size: 500 }'), holds);
    }
    const isThere = /(?:^|[&;])(?:s|%73)ize=/.test(query);
    assert.equal(isIn('exists: [_ctx.request.query_args.size]'), isThere);
  });
}

/** YAML of a wrong condition, where the mistake is, and what is said of it. */
const mistakes: [yaml: string, path: string, message: RegExp][] = [
  ['equal: { a: b }', 'equal', /unknown operator "equal"; did you mean "equals"\?/],
  ['xyzzy: {}', 'xyzzy', /unknown operator "xyzzy"; known are equals, contains/],
  ['{}', '', /expected a condition, like "equals:/],
  ['yes', '', /expected a condition/],
  ['equals: { a: 1 }\nprefix: { a: 1 }', 'prefix', /expected one operator, got "equals", "prefix"/],
  ['equals:', 'equals', /expected fields and values/],
  ['equals: [a]', 'equals', /expected fields and values/],
  ['equals: { a: [1, 2] }', 'equals.a', /expected text, a number.*; for several values, use "in"/],
  ['equals: { a: ~ }', 'equals.a', /expected text, a number, true or false/],
  [
    'equals: { _ctx.request.metod: GET }',
    'equals._ctx.request.metod',
    /did you mean "_ctx.request.method"/,
  ],
  ['equals: { _ctx: { request: { metod: GET } } }', 'equals._ctx.request.metod', /did you mean/],
  ['contains: { a: [b, c] }', 'contains.a', /expected text; join several with "or"/],
  ['regexp: { _ctx.request.uri: "(" }', 'regexp._ctx.request.uri', /missing closing \)/],
  ['range: { _ctx.response.code: 5 }', 'range._ctx.response.code', /expected lt, lte, gt or gte/],
  ['range: { _ctx.response.code: { ge: 5 } }', 'range._ctx.response.code.ge', /expected lt, lte/],
  ['range: { _ctx.response.code.gt: many }', 'range._ctx.response.code.gt', /expected a number/],
  ['network: { _ctx.remote_ip: 10.0.0.0/99 }', 'network._ctx.remote_ip', /bad prefix length/],
  ['network: { _ctx.remote_ip: [{}] }', 'network._ctx.remote_ip', /expected a network/],
  ['exists: []', 'exists', /expected a list of fields/],
  ['exists: [a, _ctx.x]', 'exists.1', /unknown field "_ctx.x"/],
  ['in: { a: 5 }', 'in.a', /expected a list of values/],
  ['cluster_available: [prod, prd]', 'cluster_available.1', /there is no cluster "prd"/],
  ['and: { equals: { a: 1 } }', 'and', /expected a list of conditions/],
  ['or: []', 'or', /expected a list of conditions/],
  ['or: [{ equals: { a: 1 } }, { eqals: {} }]', 'or.1.eqals', /did you mean "equals"/],
  ['not: { and: [{ nope: 1 }] }', 'not.and.0.nope', /unknown operator/],
  ['queue_has_lag: [prod]', 'queue_has_lag', /"queue_has_lag" is not supported yet/],
  ['consumer_has_lag: { queue: a }', 'consumer_has_lag', /"consumer_has_lag" is not supported yet/],
];

for (const [yaml, path, message] of mistakes) {
  test(`${yaml.replace(/\s+/g, ' ')} is wrong at "${path}"`, () => {
    const problems = checkCondition(parse(yaml), ['prod']);
    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.path.join('.'), path);
    assert.match(problems[0]?.message ?? '', message);
    assert.throws(() => compileCondition(parse(yaml), services), { code: 'PARAMETER_INVALID' });
  });
}

test('every mistake is found at once', () => {
  const condition = parse('and: [{ equals: { _ctx.x: 1, _ctx.y: 2 } }, { regexp: { a: "(" } }]');
  assert.equal(checkCondition(condition).length, 3);
});

test('says what must have been read', () => {
  assert.deepEqual(needsOf('equals: { _ctx.request.method: GET }'), {
    requestBody: 'nothing',
    responseBody: 'nothing',
  });
  assert.deepEqual(
    needsOf(
      'or: [{ not: { contains: { _ctx.response.body: x } } }, { range: { _ctx.request.body_length.gt: 1 } }]',
    ),
    { requestBody: 'length', responseBody: 'content' },
  );
});

test('what is too large to become a value is there, and cannot be compared', () => {
  const large = newContext({ body: `{"a":[${'{},'.repeat(400_000)}1],"b":1}` });
  const testOf = (yaml: string) => compileCondition(parse(yaml), services).test;
  assert.equal(testOf('exists: [_ctx.request.body_json.a, _ctx.request.body_json.b]')(large), true);
  assert.equal(testOf('exists: [_ctx.request.body_json.c]')(large), false);
  assert.throws(() => testOf('contains: { _ctx.request.body_json.a: x }')(large), {
    code: 'JSON_VALUE_TOO_LARGE',
  });
});
