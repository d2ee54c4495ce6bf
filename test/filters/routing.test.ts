/** Filters that send requests to other flows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestContext } from '../../src/http/context.ts';
import { collect } from '../../src/http/body/body.ts';
import { GatewayError } from '../../src/errors.ts';
import { HeaderList } from '../../src/http/headers/header-list.ts';
import { arriving, bodyText } from '../support/context.ts';
import { problemsOf, startFlows } from '../support/flows.ts';

/** A cluster that answers with its name and what it was asked for. */
async function forward({ request, response }: RequestContext, cluster: string): Promise<void> {
  const body = (await collect(request.body, 1e6)).toString();
  response.status = 200;
  response.body = Buffer.from(`${cluster}: ${request.method} ${request.target} ${body}`.trim());
}

test('switch goes by how the path begins, and takes that out', async (t) => {
  const flow = `flow:
  - name: cross_cluster_search
    filter:
      - switch:
          path_rules:
            - prefix: "es1:"
              flow: es1-flow
            - prefix: "es2:"
              flow: es2-flow
      - elasticsearch:
          elasticsearch: dev
  - name: kept
    filter:
      - switch:
          path_rules: [{ prefix: "es1:", flow: es1-flow }]
          remove_prefix: false
          unescape: false
          continue: true
      - set_response_header: { headers: ["Went -> on"] }
  - name: es1-flow
    filter: [{ elasticsearch: { elasticsearch: es1 } }]
  - name: es2-flow
    filter: [{ elasticsearch: { elasticsearch: es2 } }]`;
  const { ask } = await startFlows(t, flow, { forward });
  const answer = async (target: string) => bodyText((await ask({ target })).response);
  assert.equal(await answer('/es1:_cat/nodes?v'), 'es1: GET /_cat/nodes?v');
  assert.equal(await answer('/es2:_cat/nodes'), 'es2: GET /_cat/nodes');
  assert.equal(await answer('/es2%3Aa%20b/x'), 'es2: GET /a%20b/x');
  assert.equal(await answer('/es3:_cat/nodes'), 'dev: GET /es3:_cat/nodes');
  assert.equal(await answer('/x/es1:_cat'), 'dev: GET /x/es1:_cat');

  const kept = await ask({ target: '/es1:a' }, 'kept');
  assert.equal(bodyText(kept.response), 'es1: GET /es1:a');
  assert.equal(kept.response.headers.get('went'), 'on');
  assert.equal((await ask({ target: '/es1%3Aa' }, 'kept')).response.status, 0);
});

test('context_switch goes by a value', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: context_switch
    filter:
      - context_parse:
          context: _ctx.request.path
          pattern: -\\d{4}\\.(?P<month>\\d{2})
          group: logging
      - context_switch:
          context: logging.month
          default_flow: echo_message_not_found
          switch:
            - case: ["02","01"]
              action: redirect_flow
              flow: echo_message_01_02
            - case: ["03"]
              action: redirect_flow
              flow: echo_message_03
            - case: ["04"]
              action: drop
            - case: ["05"]
      - echo: { message: " and on" }
  - name: echo_message_not_found
    filter: [{ echo: { message: not found, status: 404 } }]
  - name: echo_message_01_02
    filter: [{ echo: { message: "01 or 02" } }]
  - name: echo_message_03
    filter: [{ echo: { message: "03" } }]`,
  );
  const answer = async (month: string) =>
    bodyText((await ask({ target: `/logs-2023.${month}.06/_search` })).response);
  assert.equal(await answer('01'), '01 or 02');
  assert.equal(await answer('02'), '01 or 02');
  assert.equal(await answer('03'), '03');
  assert.equal(await answer('04'), '');
  assert.equal(await answer('05'), 'not found');
  assert.equal(await answer('12'), 'not found');
  assert.equal(await answer('x'), 'not found');
});

test('context_switch compares by type when told, goes on when told, and misses values', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: typed
    filter:
      - context_switch:
          context: _ctx.request.body_json.n
          stringify_value: false
          continue: true
          switch: [{ case: [1], flow: number }, { case: ["1"], flow: text }]
      - echo: { message: "!" }
  - name: strict
    filter: [{ context_switch: { context: a, switch: [{ case: [b], flow: text }] } }, { echo: }]
  - name: lenient
    filter:
      - context_switch: { context: a, skip_error: true, default_flow: text, switch: [{ case: [b] }] }
      - echo:
  - name: dropping
    filter:
      - context_switch:
          context: _ctx.request.body
          default_action: drop
          switch: [{ case: a, flow: text }]
      - echo:
  - name: number
    filter: [{ echo: { message: number } }]
  - name: text
    filter: [{ echo: { message: text } }]`,
  );
  const answer = async (flow: string, body = '') => bodyText((await ask({ body }, flow)).response);
  assert.equal(await answer('typed', '{"n":1}'), 'number!');
  assert.equal(await answer('typed', '{"n":"1"}'), 'text!');
  assert.equal(await answer('typed', '{"n":2}'), '!');
  await assert.rejects(answer('strict'), { code: 'FILTER_FAILED', message: /has no a/ });
  assert.equal(await answer('lenient'), '.');
  assert.equal(await answer('dropping'), '');
  assert.equal(await answer('dropping', 'a'), 'text');
});

test('ratio sends a share elsewhere', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: all
    filter: [{ ratio: { ratio: 1, flow: hello_world, continue: true } }, { echo: { message: on } }]
  - name: none
    filter: [{ ratio: { ratio: 0, flow: hello_world } }, { echo: { message: on } }]
  - name: instead
    filter: [{ ratio: { ratio: 1, flow: hello_world } }, { echo: { message: on } }]
  - name: dropped
    filter: [{ ratio: { ratio: 1, action: drop } }, { echo: { message: on } }]
  - name: half
    filter: [{ ratio: { ratio: 0.5, flow: hello_world } }, { echo: { message: on } }]
  - name: hello_world
    filter: [{ echo: { message: "hello " } }]`,
  );
  const answer = async (flow: string) => bodyText((await ask({}, flow)).response);
  assert.equal(await answer('all'), 'hello on');
  assert.equal(await answer('none'), 'on');
  assert.equal(await answer('instead'), 'hello ');
  assert.equal(await answer('dropped'), '');
  let picked = 0;
  const hit = async (flow: string) => (await ask({}, flow)).request.headers.get('x-ratio-hit');
  assert.deepEqual([await hit('all'), await hit('none')], ['true', 'false']);
  for (let i = 0; i < 2000; i++) if ((await answer('half')) === 'hello ') picked++;
  assert.ok(picked > 850 && picked < 1150, `${picked} of 2000`);
});

test('clone sends a request to every flow and answers with the last', async (t) => {
  const seen: string[] = [];
  const { ask, logged } = await startFlows(
    t,
    `flow:
  - name: double_write
    filter:
      - clone:
          flows:
            - write_to_region_a
            - write_to_region_b
      - echo: { message: never }
  - name: going_on
    filter:
      - clone: { flows: [write_to_region_b, write_to_region_a], continue: true }
      - echo: { message: " on" }
  - name: write_to_region_a
    filter:
      - set_context: { context: { _ctx.request.path: /changed, _ctx.request.body_json.x: 1 } }
      - elasticsearch: { elasticsearch: es1 }
      - set_response_header: { headers: ["From -> a"] }
      - drop:
  - name: write_to_region_b
    filter: [{ elasticsearch: { elasticsearch: es2 } }]`,
    {
      async forward(context, cluster) {
        if (context.request.headers.has('break') && cluster === 'es1') {
          throw new GatewayError('UPSTREAM_UNAVAILABLE', { cluster });
        }
        await forward(context, cluster);
        seen.push(bodyText(context.response));
      },
    },
  );
  const write = { method: 'PUT', target: '/i/_doc/1' };
  const { response } = await ask({ ...write, body: arriving('{"a"', ':1}') });
  assert.deepEqual(seen, ['es1: PUT /changed {"a":1,"x":1}', 'es2: PUT /i/_doc/1 {"a":1}']);
  assert.equal(bodyText(response), seen[1]);
  assert.equal(response.headers.has('from'), false);

  const broken = await ask({ ...write, headers: ['Break', '1'], body: '{}' });
  assert.equal(broken.response.status, 503, 'the client learns of the lost write');
  assert.match(bodyText(broken.response), /UPSTREAM_UNAVAILABLE/);
  assert.equal(seen.at(-1), 'es2: PUT /i/_doc/1 {}', 'the other flow has run all the same');
  assert.match(logged.join(), /a cloned request failed/);
  const after = await ask({ headers: ['Break', '1'], body: '{}' }, 'going_on');
  assert.equal(after.response.status, 200, 'echo has answered since');
  assert.match(bodyText(after.response), /UPSTREAM_UNAVAILABLE.* on$/);

  const on = await ask({ ...write, body: '{}' }, 'going_on');
  assert.equal(bodyText(on.response), 'es1: PUT /changed {"x":1} on');
});

test('flow runs other flows and goes on', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: flow
    filter:
      - flow: { flow: a, flows: [b, "$[[_ctx.request.header.Flow]]"] }
      - echo: { message: "!" }
  - name: forgiving
    filter: [{ flow: { flow: nowhere, flows: b, ignore_undefined_flow: true } }]
  - name: strict
    filter: [{ flow: { flows: ["x_$[[_ctx.request.header.Flow]]"], ignore_undefined_flow: false } }]
  - name: a
    filter: [{ echo: { message: a } }]
  - name: b
    filter: [{ echo: { message: b } }]
  - name: c
    filter: [{ echo: { message: c } }, { drop: }]`,
  );
  const answer = async (...headers: string[]) => bodyText((await ask({ headers })).response);
  assert.equal(await answer(), 'ba!');
  assert.equal(await answer('Flow', 'b'), 'bba!');
  assert.equal(await answer('Flow', 'c'), 'bc');
  assert.equal(bodyText((await ask({}, 'forgiving')).response), 'b');
  await assert.rejects(ask({ headers: ['Flow', 'a'] }, 'strict'), {
    code: 'FILTER_FAILED',
    message: /there is no flow "x_a"/,
  });
});

test('flow can follow from a context value', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: dns-flow
    filter:
      - flow:
          ignore_undefined_flow: true
          context_flow:
            context: _ctx.request.host
            context_parse_pattern: (?P<uuid>^[0-9a-z_\\-]+)\\.
            flow_id_template: flow_$[[uuid]]
      - set_response:
          status: 503
          content_type: application/json
          body: '{"message":"invalid HOST"}'
  - name: flow_tenant-1
    filter: [{ echo: { message: one } }]`,
  );
  const answer = async (host: string) =>
    bodyText((await ask({ headers: ['Host', host] })).response);
  assert.equal(await answer('tenant-1.example.com'), 'one');
  assert.equal(await answer('tenant-2.example.com'), '{"message":"invalid HOST"}');
  assert.equal(await answer('localhost'), '{"message":"invalid HOST"}');
});

test('a flow that is not there is an error at its place', async (t) => {
  const problems = await problemsOf(
    t,
    `flow:
  - name: f
    filter:
      - flow: { flows: [e, g] }
      - flow: {}
      - clone: { flows: [] }
      - ratio: { ratio: 2, flow: g }
      - ratio: { ratio: 1 }
      - switch: { path_rules: [{ prefix: "" , flow: h }] }
      - context_switch: { context: a, switch: [{ flow: i }] }
  - { name: e, filter: [{ drop: }] }`,
  );
  const expected = [
    /0\].flow.flows\[1\]: there is no flow "g"/,
    /1\].flow: expected one of flow, flows and context_flow/,
    /2\].clone.flows: expected at least one item/,
    /3\].ratio.ratio: expected a number from 0 to 1/,
    /3\].ratio.flow: there is no flow "g"/,
    /4\].ratio: "flow" is missing/,
    /5\].switch.path_rules\[0\].prefix: expected text that is not empty/,
    /5\].switch.path_rules\[0\].flow: there is no flow "h"/,
    /6\].context_switch.switch\[0\]: "case" is missing/,
    /6\].context_switch.switch\[0\].flow: there is no flow "i"/,
  ];
  for (const message of expected) assert.match(problems.join('\n'), message);
  assert.equal(problems.length, expected.length, problems.join('\n'));
});

test('a redirect to https keeps path and query, and leaves the port', async (t) => {
  const flows = await startFlows(
    t,
    'flow: [{ name: f, filter: [{ redirect: { uri: "https://$[[_ctx.request.hostname]]$[[_ctx.request.target]]", code: 301 } }] }]',
  );
  const headers = ['Host', 'shop.example:8080'];
  const { response } = await flows.ask({ target: '/a%20b?c=d&e', headers });
  assert.equal(response.status, 301);
  assert.equal(response.headers.get('location'), 'https://shop.example/a%20b?c=d&e');
});

test('clone answers with the first failure, and takes 404 and 409 for none', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - { name: f, filter: [{ clone: { flows: [a, b, c] } }] }
  - { name: a, filter: [{ elasticsearch: { elasticsearch: es1 } }] }
  - { name: b, filter: [{ elasticsearch: { elasticsearch: es2 } }] }
  - { name: c, filter: [{ elasticsearch: { elasticsearch: dev } }] }`,
    {
      forward({ request, response }, cluster) {
        response.replaceBy(
          Number(request.headers.get(cluster) ?? 201),
          '',
          new HeaderList(['From', cluster]),
          arriving(cluster),
        );
      },
    },
  );
  for (const [statuses, expected] of [
    [{}, ['dev', 201]],
    [{ es1: 404, es2: 409 }, ['dev', 201]],
    [{ es1: 503 }, ['es1', 503]],
    [{ es2: 429, dev: 503 }, ['es2', 429]],
    [{ dev: 400 }, ['dev', 400]],
    [{ es2: 403, dev: 404 }, ['es2', 403]],
  ] as const) {
    const { response } = await ask({ headers: Object.entries(statuses).flat().map(String) });
    const body = (await collect(response.body, 100)).toString();
    assert.deepEqual([response.headers.get('from'), response.status], expected);
    assert.equal(body, expected[0]);
  }
});
