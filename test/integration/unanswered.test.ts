/** A request that no filter answers is an error, which names what is missing, and no empty 200. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

suite('a request that no filter answers', { timeout: 60_000 }, () => {
  test('gets 404 with a reason, and the log tells of it', async (t) => {
    const gateway = await startGateway(
      t,
      `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router:
  - name: main
    default_flow: empty
    rules:
      - { method: ["*"], pattern: ["/api/{rest:*}", "/other"], flow: [switch] }
      - { method: ["*"], pattern: ["/host"], flow: [host] }
      - { method: ["*"], pattern: ["/drop"], flow: [drop] }
      - { method: ["*"], pattern: ["/case"], flow: [case] }
      - { method: ["*"], pattern: ["/ratio"], flow: [ratio] }
      - { method: ["*"], pattern: ["/set"], flow: [set] }
flow:
  - { name: empty, filter: [] }
  - { name: set, filter: [{ set_response: { content_type: text/x } }] }
  - { name: switch, filter: [{ switch: { path_rules: [{ prefix: /api/, flow: found }], remove_prefix: false } }] }
  - { name: host, filter: [{ context_switch: { context: _ctx.request.header.X-Site, default_action: drop, switch: [{ case: [a], flow: found }] } }] }
  - { name: case, filter: [{ context_switch: { context: _ctx.request.path, switch: [{ case: [/case], action: drop }] } }] }
  - { name: ratio, filter: [{ ratio: { ratio: 1, action: drop } }] }
  - { name: drop, filter: [{ drop: {} }] }
  - { name: found, filter: [{ echo: { message: found } }] }
`,
    );
    const origin = await gateway.origin('main');
    for (const path of ['/', '/other', '/host']) {
      const { status, body } = await ask(`${origin}${path}`);
      assert.equal(status, 404, path);
      const { error } = JSON.parse(body);
      assert.equal(error.type, 'REQUEST_UNANSWERED', path);
      assert.match(error.reason, /no filter/);
    }
    for (const path of ['/drop', '/case', '/ratio', '/set']) {
      const { status, body } = await ask(`${origin}${path}`);
      assert.deepEqual([status, body], [200, ''], path);
    }
    assert.equal((await ask(`${origin}/api/x`)).body, 'found', 'a prefix may begin with a slash');
    assert.equal((await ask(`${origin}/host`, { headers: { 'X-Site': 'a' } })).body, 'found');
    await eventually('the log', () => gateway.output.includes('no filter answered a request'));
  });
});
