/** A request body that streams is kept exactly where a flow may send it a second time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect } from '../../src/http/body/body.ts';
import { InflightBytes } from '../../src/http/body/memory-budget.ts';
import { arriving, newContext } from '../support/context.ts';
import { startFlows } from '../support/flows.ts';

const failed = '{ in: { _ctx.response.status: [502] } }';
const es = (name: string): string => `{ elasticsearch: { elasticsearch: ${name} } }`;

const cases = [
  { name: 'one forward', filter: es('es1'), kept: false },
  { name: 'two in a row', filter: `${es('es1')}, ${es('es2')}`, kept: true },
  {
    name: 'one of two',
    filter: `{ if: { equals: { _ctx.request.method: GET } }, then: [${es('es1')}], else: [${es('es2')}] }`,
    kept: false,
  },
  {
    name: 'a second one after a failure',
    filter: `${es('es1')}, { if: ${failed}, then: [${es('es2')}] }`,
    kept: true,
  },
  {
    name: 'a second one in another flow',
    filter: `${es('es1')}, { flow: { flow: sends, when: ${failed} } }`,
    kept: true,
  },
  {
    name: 'another flow, which sends nothing',
    filter: `{ flow: { flow: logs } }, ${es('es1')}`,
    kept: false,
  },
  { name: 'two other flows at once', filter: '{ flow: { flows: [sends, sends] } }', kept: true },
  {
    name: 'another flow in place of the rest',
    filter: `{ switch: { path_rules: [{ prefix: "/", flow: sends }], remove_prefix: false } }, ${es('es1')}`,
    kept: false,
  },
  {
    name: 'another flow and then the rest',
    filter: `{ ratio: { ratio: 1, flow: sends, continue: true } }, ${es('es1')}`,
    kept: true,
  },
  {
    name: 'a flow that the request names in place of the rest',
    filter: `{ flow: { context_flow: { context: _ctx.request.path, flow_id_template: none } } }, ${es('es1')}`,
    kept: false,
  },
  {
    name: 'a check of the cluster',
    filter: `{ elasticsearch_health_check: { elasticsearch: es1 } }, ${es('es1')}`,
    kept: false,
  },
];
for (const { name, filter, kept } of cases) {
  test(`${name}: ${kept ? 'kept' : 'not kept'}`, async (t) => {
    const taken: unknown[] = [];
    const flows = await startFlows(
      t,
      `flow:
  - { name: f, filter: [${filter}] }
  - { name: sends, filter: [${es('es1')}] }
  - { name: logs, filter: [{ set_request_header: { headers: ["A -> b"] } }] }
`,
      {
        async forward({ request, response }) {
          const body = request.takeBody();
          taken.push(body);
          assert.equal((await collect(body, 100)).toString(), 'abc');
          response.status = 502;
        },
      },
    );
    const body = arriving('a', 'bc');
    await flows.ask({ body });
    assert.equal(taken[0] === body, !kept);
    assert.equal(taken.length, kept ? 2 : 1);
  });
}

test('a body that is too large to be kept can be sent once, and that is told', async (t) => {
  const sent: string[] = [];
  const flows = await startFlows(
    t,
    `flow: [{ name: f, body_limits: { request: 2 }, filter: [${es('es1')}, ${es('es2')}] }]`,
    {
      async forward({ request }) {
        sent.push((await collect(request.takeBody(), 100)).toString());
      },
    },
  );
  await assert.rejects(flows.ask({ body: arriving('a', 'bc') }), {
    code: 'BODY_NOT_KEPT',
    status: 502,
  });
  assert.deepEqual(sent, ['abc']);
});

test('kept bytes count as in flight until the request is over', async (t) => {
  const flows = await startFlows(t, `flow: [{ name: f, filter: [${es('es1')}, ${es('es2')}] }]`, {
    forward: async ({ request }) => void (await collect(request.takeBody(), 100)),
  });
  const context = newContext({ body: arriving('a', 'bc') });
  const inflight = new InflightBytes(3);
  context.request.inflight = inflight;
  await flows.run(context);
  assert.equal(inflight.held, 3);
  context.request.release();
  assert.equal(inflight.held, 0);

  const small = new InflightBytes(2);
  const other = newContext({ body: arriving('a', 'bc') });
  other.request.inflight = small;
  await assert.rejects(flows.run(other), { code: 'BODY_NOT_KEPT' });
  assert.equal(small.held, 0, 'what cannot be kept whole is not kept');
});
