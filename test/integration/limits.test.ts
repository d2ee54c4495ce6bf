/** Limits over all workers of a gateway, and over a reload. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';

const configuration = (message: string, max: number) => `entry:
  - { name: main, network: { binding: "127.0.0.1:0" } }
router: [{ name: default, default_flow: limited }]
flow:
  - name: limited
    filter:
      - context_limiter: { context: [_ctx.request.path], interval: 1h, max_requests: ${max}, action: drop }
      - echo: { message: ${message} }
`;

/** Requests on connections of their own, so that every worker gets some. */
async function statuses(url: string, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let done = 0; done < count; done += 20) {
    const answers = Array.from({ length: 20 }, () => ask(url));
    all.push(...(await Promise.all(answers)).map(({ status }) => status));
  }
  return all;
}

test('three workers together let exactly the limit pass, also over a reload', async (t) => {
  const gateway = await startGateway(t, configuration('one', 100), { args: ['--workers', '3'] });
  const origin = await gateway.origin('main');
  const passed = (all: readonly number[]): number => all.filter((one) => one === 200).length;
  const all = await statuses(`${origin}/full`, 300);
  assert.equal(passed(all), 100);
  assert.equal(all.filter((one) => one === 429).length, 200);
  assert.equal(passed(await statuses(`${origin}/part`, 60)), 60);

  gateway.write(configuration('two', 100));
  assert.equal((await gateway.reload()).status, 200);
  const status = await gateway.status();
  assert.ok(status.workers.length >= 3);
  assert.equal(passed(await statuses(`${origin}/full`, 60)), 0);
  assert.equal(passed(await statuses(`${origin}/part`, 100)), 40);

  gateway.write(configuration('three', 130));
  assert.equal((await gateway.reload()).status, 200);
  assert.equal(passed(await statuses(`${origin}/full`, 100)), 30);
});
