/** Flows that run each other come to an end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { startFlows } from '../support/flows.ts';

for (const [what, filter] of [
  ['at once', '{ flow: { flow: "$[[_ctx.request.header.Next]]" } }'],
  [
    'in time',
    '{ sleep: { sleep_in_million_seconds: 0 } }, { flow: { flow: "$[[_ctx.request.header.Next]]" } }',
  ],
  ['by clones', '{ clone: { flows: [by_header] } }'],
] as const) {
  test(`a circle that only requests close ends with 508: ${what}`, async (t) => {
    let forwarded = 0;
    const { ask } = await startFlows(
      t,
      `flow:
  - { name: f, filter: [{ elasticsearch: { elasticsearch: es1 } }, ${filter}] }
  - { name: by_header, filter: [{ flow: { flow: "$[[_ctx.request.header.Next]]" } }] }
`,
      { forward: () => void forwarded++ },
    );
    // `clone` makes a response of a failure.
    const failure: unknown = await ask({ headers: ['Next', 'f'] }).then(
      ({ response }) => response.failure,
      (error: unknown) => error,
    );
    assert.ok(failure instanceof GatewayError);
    assert.equal(failure.code, 'FLOWS_ENDLESS');
    assert.equal(failure.status, 508);
    assert.ok(forwarded <= 100, `${forwarded} forwards`);
  });
}

test('what a request came through is known', async (t) => {
  const { ask } = await startFlows(
    t,
    'flow: [{ name: a, filter: [{ flow: { flows: [b, b] } }] }, { name: b, filter: [{ echo: {} }] }]',
  );
  assert.equal((await ask()).flows, 'a->b->b');
});
