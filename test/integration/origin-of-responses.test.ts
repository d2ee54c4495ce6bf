/** Clients, flows and the request log can tell which cluster and node a response came from. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ask } from '../support/clients.ts';
import { refusing } from '../support/forwarding.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Line {
  readonly flow: { readonly to: string[]; readonly process: string[]; readonly from: string };
  readonly elastic: { readonly cluster_name?: string[] };
  readonly upstream: { cluster: string; node: string; elapsed: number; retries: number } | null;
  readonly request: { readonly path: string; readonly query_args: Record<string, string> };
  readonly response: { readonly status_code: number; readonly error?: string };
}

suite('where a response came from', { timeout: 60_000 }, () => {
  test('is told in fields, in the context and in the request log', async (t) => {
    const node = await startBackend(t, (_req, res) => {
      res.writeHead(200, { 'X-Backend-Server': 'forged' });
      res.end('ok');
    });
    const dead = await refusing();
    const [live, away] = [new URL(node.origin).host, new URL(dead).host];
    const folder = temporaryFolder(t);
    const log = join(folder, 'requests.jsonl');
    const gateway = await startGateway(
      t,
      `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router:
  - name: main
    default_flow: es
    tracing_flow: trace
    rules:
      - { method: ["*"], pattern: ["/http"], flow: [set, http] }
      - { method: ["*"], pattern: ["/quiet"], flow: [quiet] }
      - { method: ["*"], pattern: ["/dead"], flow: [dead] }
      - { method: ["*"], pattern: ["/none"], flow: [none] }
flow:
  - { name: set, filter: [{ set_request_header: { headers: ["A -> b"] } }] }
  - { name: none, filter: [{ drop: {} }] }
  - { name: es, filter: [{ elasticsearch: { elasticsearch: prod } }, { set_response_header: { headers: ["X-Told -> $[[_ctx.upstream.cluster]] $[[_ctx.upstream.node]] $[[_ctx.upstream.retries]]"] } }] }
  - { name: quiet, filter: [{ elasticsearch: { elasticsearch: prod, skip_metadata_enrich: true } }] }
  - { name: http, filter: [{ http: { name: shop, host: "${live}" } }] }
  - { name: dead, filter: [{ http: { host: "${away}", max_retry_times: 1, retry_delay_in_ms: 1 } }] }
  - { name: trace, filter: [{ logging: { file: "${log}" } }] }
elasticsearch: [{ name: prod, endpoint: "${node.origin}", health_check.enabled: false }]
`,
      { args: ['--workers', '1'] },
    );
    const origin = await gateway.origin('main');
    const es = await ask(`${origin}/x?a=b`);
    assert.equal(es.headers['x-backend-cluster'], 'prod');
    assert.equal(es.headers['x-backend-server'], live);
    assert.equal(es.headers['x-retry-times'], undefined);
    assert.equal(es.headers['x-told'], `prod ${node.origin} 0`);
    const http = await ask(`${origin}/http`);
    assert.equal(http.headers['x-backend-cluster'], undefined);
    assert.equal(http.headers['x-backend-server'], live);
    const quiet = await ask(`${origin}/quiet`);
    assert.equal(quiet.headers['x-backend-cluster'], undefined);
    assert.equal(quiet.headers['x-backend-server'], 'forged', "the node's own stays");
    const failed = await ask(`${origin}/dead`);
    assert.deepEqual([failed.status, failed.headers['x-backend-server']], [502, away]);
    assert.equal(failed.headers['x-retry-times'], '1');
    await ask(`${origin}/none`);

    const lines = await eventually('five lines', async () => {
      const text = await readFile(log, 'utf8').catch(() => '');
      const all = text.trim().split('\n');
      return all.length === 5 && all.map((line) => JSON.parse(line) as Line);
    });
    const [first, second, , fourth, fifth] = lines as [Line, Line, Line, Line, Line];
    assert.deepEqual(first.flow.process, ['es', 'trace']);
    assert.deepEqual([first.flow.from, first.flow.to], ['127.0.0.1', [live]]);
    assert.deepEqual(first.elastic, { cluster_name: ['prod'] });
    assert.deepEqual(first.request.query_args, { a: 'b' });
    assert.ok((first.upstream?.elapsed ?? -1) >= 0);
    assert.deepEqual(second.flow.process, ['set', 'http', 'trace']);
    assert.equal(second.upstream?.cluster, 'shop');
    assert.equal(fourth.response.error, 'UPSTREAM_CONNECT');
    assert.equal(fourth.upstream?.retries, 1);
    assert.equal(fifth.upstream, null);
    const { clusters } = await gateway.status();
    assert.ok(clusters.some(({ name }) => name === 'shop'));
  });
});
