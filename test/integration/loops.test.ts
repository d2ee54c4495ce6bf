/** A request that is forwarded back to the gateway is ended, and does not use it up. */
import assert from 'node:assert/strict';
import { request as forwardedBy } from 'node:http';
import { suite, test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function configuration(node: string, more = ''): string {
  return `
entry:
  - { name: main, router: main, network: { binding: "127.0.0.1:0" } }
  - { name: other, router: other, network: { binding: "127.0.0.1:0" } }
router: [{ name: main, default_flow: main }, { name: other, default_flow: other }]
flow:
  - { name: main, filter: [{ http: { host: "${node}"${more} } }] }
  - { name: other, filter: [{ echo: { message: other } }] }
`;
}

suite('a loop', { timeout: 60_000 }, () => {
  for (const [what, more] of [
    ['by Forwarded', ''],
    ['by Via', ', via: edge'],
  ] as const) {
    test(`through another proxy is cut: ${what}`, async (t) => {
      let passed = 0;
      let target = 0;
      // A proxy that passes everything back to the gateway.
      const proxy = await startBackend(t, (incoming, response) => {
        passed++;
        const { method, url: path } = incoming;
        const headers = { ...incoming.headers };
        if (more !== '') delete headers['forwarded'];
        forwardedBy({ host: '127.0.0.1', port: target, method, path, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        }).end();
      });
      const node = new URL(proxy.origin).host;
      const gateway = await startGateway(t, configuration(node, more), {
        args: ['--workers', '2'],
        folder: temporaryFolder(t),
      });
      target = await gateway.port('main');
      const { status, body } = await ask(`http://127.0.0.1:${target}/`);
      assert.equal(status, 508);
      assert.equal(JSON.parse(body).error.type, 'LOOP_DETECTED');
      assert.ok(passed <= 2, `${passed} requests went round`);
      // Another entry of the same gateway may well be a node.
      target = await gateway.port('other');
      assert.equal((await ask(`${await gateway.origin('main')}/`)).body, 'other');
    });
  }
});
