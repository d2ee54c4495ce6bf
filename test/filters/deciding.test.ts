/** Filters that decide whether a request goes on. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { bodyText, type ContextOptions } from '../support/context.ts';
import { problemsOf, startFlows } from '../support/flows.ts';

/** A flow with one filter in front of an `echo` that says "through". */
function guarded(filter: string): string {
  return `flow:
  - name: guarded
    filter:
${filter.replace(/^/gm, '      ')}
      - echo: { message: through }
  - name: other
    filter:
      - echo: { message: other }
`;
}

type Answer = [status: number, body: string];

const through: Answer = [200, 'through'];

function from(remoteAddress: string): ContextOptions {
  return { client: { remoteAddress } };
}

/** Asks each request and compares the answers. */
async function expectAnswers(
  t: TestContext,
  filter: string,
  cases: readonly (readonly [request: ContextOptions, answer: Answer])[],
): Promise<void> {
  const { ask } = await startFlows(t, guarded(filter));
  for (const [request, expected] of cases) {
    const { response } = await ask(request);
    assert.deepEqual([response.status, bodyText(response)], expected, JSON.stringify(request));
  }
}

test('request_method_filter', async (t) => {
  const filter = `
- request_method_filter:
    exclude: [PUT, POST]
    include: [GET, head, DELETE]`;
  await expectAnswers(t, filter, [
    [{ method: 'GET' }, through],
    [{ method: 'HEAD' }, through],
    [{ method: 'POST' }, [403, '']],
    [{ method: 'OPTIONS' }, [403, '']],
  ]);
  await expectAnswers(
    t,
    '- request_method_filter: { exclude: [PUT], status: 405, message: "no $[[_ctx.request.method]]" }',
    [
      [{ method: 'OPTIONS' }, through],
      [{ method: 'PUT' }, [405, '{"error":true,"message":"no PUT"}']],
    ],
  );
});

test('request_header_filter', async (t) => {
  const filter = `
- request_header_filter:
    include:
      - TRACE: true
      - A: 1
        B: x
    exclude:
      - X-Bad: "yes"`;
  await expectAnswers(t, filter, [
    [{ headers: ['Trace', 'true'] }, through],
    [{ headers: ['TRACE', 'false', 'trace', 'true'] }, through],
    [{ headers: ['a', '1', 'b', 'x'] }, through],
    [{ headers: ['a', '1'] }, through],
    [{ headers: ['b', 'x'] }, through],
    [{ headers: ['a', 'x'] }, [403, '']],
    [{ headers: ['Trace', 'True'] }, [403, '']],
    [{ headers: [] }, [403, '']],
    [{ headers: ['Trace', 'true', 'x-bad', 'yes'] }, [403, '']],
  ]);
});

test('request_header_filter takes a field that is not there as empty', async (t) => {
  await expectAnswers(t, '- request_header_filter: { exclude: [{ X-Trace: "" }] }', [
    [{ headers: ['X-Trace', 'a'] }, through],
    [{ headers: ['X-Trace', ''] }, [403, '']],
    [{ headers: [] }, [403, '']],
  ]);
});

test('request_client_ip_filter', async (t) => {
  await expectAnswers(t, '- request_client_ip_filter: { exclude: [192.168.3.67] }', [
    [from('192.168.3.67'), [403, '']],
    [from('::ffff:192.168.3.67'), [403, '']],
    [from('192.168.3.68'), through],
  ]);
  await expectAnswers(t, '- request_client_ip_filter: { include: [10.0.0.0/8, loopback] }', [
    [from('10.1.2.3'), through],
    [from('::1'), through],
    [from('11.1.2.3'), [403, '']],
  ]);
  const redirect = `
- request_client_ip_filter:
    action: redirect_flow
    flow: other
    exclude:
      - 192.168.3.67`;
  await expectAnswers(t, redirect, [
    [from('192.168.3.67'), [200, 'other']],
    [from('192.168.3.6'), through],
  ]);
});

test('response_status_filter', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: test
    filter:
      - set_response:
          status: 404
          body: a secret
          when: { suffix: { _ctx.request.path: /404 } }
      - set_response: { status: 500, when: { suffix: { _ctx.request.path: /500 } } }
      - response_status_filter:
          message: "Request filtered!"
          exclude:
            - 404
          include:
            - 200
            - 201
            - 500
      - set_response_header: { headers: ["Went -> through"] }`,
  );
  const denied = (await ask({ target: '/404' })).response;
  assert.equal(denied.status, 403);
  assert.equal(denied.headers.get('content-type'), 'application/json');
  assert.equal(bodyText(denied), '{"error":true,"message":"Request filtered!"}');
  assert.equal(denied.headers.has('went'), false);
  assert.equal((await ask({ target: '/500' })).response.headers.get('went'), 'through');
});

test('response_status_filter: before anybody answers the status is 200', async (t) => {
  await expectAnswers(t, '- response_status_filter: { include: 200 }', [[{}, through]]);
  await expectAnswers(t, '- response_status_filter: { exclude: 200 }', [[{}, [403, '']]]);
});

test('a response tells that its request was filtered, and what its status was', async (t) => {
  const { ask } = await startFlows(
    t,
    guarded(`
- set_response: { status: 418 }
- request_method_filter: { exclude: PUT }
- request_method_filter: { exclude: POST, action: redirect_flow, flow: other }`),
  );
  const marks = async (method: string) => {
    const { headers } = (await ask({ method })).response;
    return [headers.get('filtered'), headers.get('original_status')];
  };
  assert.deepEqual(await marks('GET'), [undefined, undefined]);
  assert.deepEqual(await marks('PUT'), ['true', '418']);
  assert.deepEqual(await marks('POST'), ['true', undefined]);
});

test('context_filter', async (t) => {
  const filter = String.raw`
- context_filter:
    context: _ctx.request.path
    message: "request not allowed."
    status: 403
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
        - ^/m[\w]+dcl
    must_not:
      prefix:
        - /.kibana
        - /_security
        - /gateway_requests*
      contain:
        - _refresh
      suffix:
        - _count
      wildcard:
        - /*/_re?resh
      regex:
        - ^/\.m[\w]+dcl
    should:
      prefix:
        - /other
      contain:
        - _search
        - _async_search`;
  const denied: Answer = [403, '{"error":true,"message":"request not allowed."}'];
  await expectAnswers(t, filter, [
    [{ target: '/medcl/_search' }, through],
    [{ target: '/medcl/_search?q=x' }, through],
    [{ target: '/medcl/_count' }, denied],
    [{ target: '/x/_search' }, denied],
    [{ target: '/medcl/_refresh/_search' }, denied],
    [{ target: '/_security/_search' }, denied],
  ]);
});

test('context_filter: each set of rules alone', async (t) => {
  const path = 'context: _ctx.request.path';
  await expectAnswers(t, `- context_filter: { ${path}, must_not: { prefix: [/_security] } }`, [
    [{ target: '/_security/user' }, [403, '']],
    [{ target: '/%5fsecurity/user' }, [403, '']],
    [{ target: '//_security/user' }, [403, '']],
    [{ target: '/x/_security' }, through],
  ]);
  await expectAnswers(
    t,
    `- context_filter: { ${path}, should: { suffix: [a], wildcard: ["/?b*"] } }`,
    [
      [{ target: '/xa' }, through],
      [{ target: '/xb/c' }, through],
      [{ target: '/xxb' }, [403, '']],
    ],
  );
  // Where others decide, `should` is no must.
  for (const others of ['must: { prefix: /a }', 'must_not: { prefix: /b }']) {
    await expectAnswers(t, `- context_filter: { ${path}, ${others}, should: { contain: never } }`, [
      [{ target: '/a' }, through],
      [{ target: '/b' }, [403, '']],
    ]);
  }
  await expectAnswers(t, '- context_filter: { context: _ctx.response.status, include: [0, 404] }', [
    [{}, through],
  ]);
  await expectAnswers(
    t,
    '- context_filter: { context: _ctx.request.host, include: [a, b], exclude: [b] }',
    [
      [{ headers: ['Host', 'a'] }, through],
      [{ headers: ['Host', 'b'] }, [403, '']],
      [{ headers: ['Host', 'c'] }, [403, '']],
    ],
  );
  const whole = `
- context_filter:
    context: _ctx.request.to_string
    action: redirect_flow
    flow: other
    must_not: { contain: ["jndi:"] }`;
  await expectAnswers(t, whole, [
    [{ body: 'a ${jndi:ldap://x}' }, [200, 'other']],
    [{ headers: ['User-Agent', '${jndi:x}'] }, [200, 'other']],
    [{ body: 'a' }, through],
  ]);
});

test('what is wrong with a deciding filter is said at its place', async (t) => {
  const problems = await problemsOf(
    t,
    guarded(`
- request_method_filter: { action: redirect_flow }
- request_client_ip_filter: { exclude: [10.0.0.0/40] }
- request_header_filter: { action: redirect_flow, flow: othr }
- response_status_filter: { include: [20] }
- context_filter: { must: { regex: ["("] }, action: block }`),
  );
  const expected = [
    /0\].request_method_filter.action: "redirect_flow" needs "flow"/,
    /1\].request_client_ip_filter.exclude\[0\]: "10.0.0.0\/40" has a bad prefix length/,
    /2\].request_header_filter.flow: there is no flow "othr"; did you mean "other"/,
    /3\].response_status_filter.include\[0\]: expected an integer from 100 to 999/,
    /4\].context_filter: "context" is missing/,
    /4\].context_filter.must.regex\[0\]: "\(" is no regular expression/,
    /4\].context_filter.action: expected "deny" or "redirect_flow"/,
  ];
  for (const message of expected) assert.match(problems.join('\n'), message);
  assert.equal(problems.length, expected.length);
});

test('a slash at the end of the path slips past nothing that decides by the path', async (t) => {
  const denied: Answer = [403, ''];
  const filters = [
    '- context_filter: { context: _ctx.request.path, exclude: [/_shutdown] }',
    '- context_filter: { context: _ctx.request.path, must_not: { suffix: [down] } }',
    '- context_filter: { context: _ctx.request.path, must_not: { regex: ["/_shutdown$"] } }',
    '- if: { equals: { _ctx.request.path: /_shutdown } }\n  then: [{ set_response: { status: 403 } }, { drop: {} }]',
    '- if: { suffix: { _ctx.request.path: down } }\n  then: [{ set_response: { status: 403 } }, { drop: {} }]',
    '- if: { in: { _ctx.request.path: [/_shutdown] } }\n  then: [{ set_response: { status: 403 } }, { drop: {} }]',
    '- if: { regexp: { _ctx.request.path: down$ } }\n  then: [{ set_response: { status: 403 } }, { drop: {} }]',
  ];
  for (const filter of filters) {
    await expectAnswers(t, filter, [
      [{ target: '/_shutdown' }, denied],
      [{ target: '/_shutdown/' }, denied],
      [{ target: '/_shutdown//?a=/' }, denied],
      [{ target: '/%5fshutdown/' }, denied],
      [{ target: '/_shutdown/x' }, through],
      [{ target: '/' }, through],
    ]);
  }
  const only = '- context_filter: { context: _ctx.request.path, include: [/a, /b/] }';
  await expectAnswers(t, only, [
    [{ target: '/a/' }, through],
    [{ target: '/b/' }, through],
    [{ target: '/c/' }, denied],
  ]);
  const cases = '[{ case: [/a], flow: other }]';
  const byPath = `- context_switch: { context: _ctx.request.path, switch: ${cases}, skip_error: true }`;
  await expectAnswers(t, byPath, [
    [{ target: '/a' }, [200, 'other']],
    [{ target: '/a/' }, [200, 'other']],
  ]);
  const parsed = '- context_parse: { context: _ctx.request.path, pattern: "^/(?P<index>[^/]+)$" }';
  const { ask } = await startFlows(
    t,
    `flow: [{ name: f, filter: [${parsed.slice(2).replace(/^/, '{ ')} }, { echo: { message: "$[[index]]" } }] }]`,
  );
  assert.equal(bodyText((await ask({ target: '/logs/' })).response), 'logs');
});
