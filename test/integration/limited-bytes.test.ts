/** `max_bytes` counts a request as its client sent it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';

test('fields that the gateway adds do not count against max_bytes', async (t) => {
  const gateway = await startGateway(
    t,
    `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: f }]
flow:
  - name: f
    filter:
      - context_limiter: { context: [_ctx.request.path], interval: 1h, max_bytes: 400, action: drop }
      - echo: { message: passed }
`,
    { args: ['--workers', '1'] },
  );
  const origin = await gateway.origin('main');
  // About 320 bytes with its head, and well over 400 with what the gateway adds.
  const small = await ask(`${origin}/a`, { headers: { 'X-Fill': 'x'.repeat(250) } });
  assert.equal(small.status, 200);
  const large = await ask(`${origin}/b`, { headers: { 'X-Fill': 'x'.repeat(400) } });
  assert.equal(large.status, 429);
});
