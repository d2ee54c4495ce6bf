/** `_ctx.id` tells requests apart, whichever worker they come to; bodies are read up to a limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';

test('no two requests have the same id, over all workers', async (t) => {
  const gateway = await startGateway(
    t,
    `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: f }]
flow: [{ name: f, filter: [{ echo: { message: "$[[_ctx.id]]" } }] }]
`,
    { args: ['--workers', '3'] },
  );
  const origin = await gateway.origin('main');
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask(origin)));
  const ids = answers.map(({ body }) => body);
  assert.ok(ids.every((id) => /^\d+$/.test(id)));
  assert.equal(new Set(ids).size, 60);
});

test('a body that is read must fit body_limits; one that is not read may be larger', async (t) => {
  const gateway = await startGateway(
    t,
    `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: read, rules: [{ pattern: /pass, flow: pass }] }]
flow:
  - { name: read, body_limits: { request: 1kb }, filter: [{ echo: { message: "$[[_ctx.request.body]]" } }] }
  - { name: pass, body_limits: { request: 1kb }, filter: [{ echo: { message: passed } }] }
`,
    { args: ['--workers', '1'] },
  );
  const origin = await gateway.origin('main');
  const small = await ask(origin, { method: 'POST', body: 'x'.repeat(1024) });
  assert.equal(small.body.length, 1024);
  const large = await ask(origin, { method: 'POST', body: 'x'.repeat(1025) });
  assert.equal(large.status, 413);
  assert.match(large.body, /exceeds 1024 bytes/);
  const passed = await ask(`${origin}/pass`, { method: 'POST', body: 'x'.repeat(1025) });
  assert.equal(passed.body, 'passed');
});
