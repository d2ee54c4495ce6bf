/**
 * Whoever gives an exchange up, and whenever: the worker lives, and gives back what the exchange held.
 * Limits are so small that what is lost for each would soon leave nothing for others.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  abandon,
  type Abandoned,
  abandonedNodes,
  departures,
  entryKinds,
  nodeActs,
  nodeKinds,
  requestParts,
} from '../support/abandoning.ts';
import { askHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

/** Connections that an entry takes, and that are opened to a node. */
const clients = 16;
const nodeConnections = 4;
/** Exchanges at one time. */
const atOnce = 12;

suite('exchanges that are given up', { timeout: 240_000 }, () => {
  test('leave the worker alive, and nothing behind', async (t) => {
    const [fast, slow] = await Promise.all([abandonedNodes(t, 0), abandonedNodes(t, 60)]);
    const nodes = nodeKinds.flatMap((kind) => [
      { name: kind, host: fast[kind], kind },
      { name: `slow-${kind}`, host: slow[kind], kind },
    ]);
    const scheme = (kind: string) =>
      kind === 'plain' ? '' : `schema: https, http2: ${kind === 'http2'}, `;
    const gateway = await startGateway(
      t,
      `entry:
${['plain', 'tls']
  .map(
    (name) => `  - name: ${name}
    router: r
    network: { binding: "127.0.0.1:0" }
    max_concurrency: ${clients}
    read_timeout: 600ms
    write_timeout: 600ms
    idle_timeout: 600ms
    head_timeout: 600ms
    tls: { enabled: ${name === 'tls'} }
`,
  )
  .join('')}
router:
  - name: r
    default_flow: ${nodes[0]?.name}
    rules:
${nodes.map(({ name }) => `      - { method: ["*"], pattern: ["/${name}/{act}"], flow: [${name}] }`).join('\n')}
flow:
${nodes
  .map(
    ({ name, host, kind }) => `  - name: ${name}
    filter:
      - http: { ${scheme(kind)}host: "${host}", tls_insecure_skip_verify: true, timeout: 500ms, max_connection_per_node: ${nodeConnections}, max_idle_conn_duration: 50ms, max_conn_wait_timeout: 2s }`,
  )
  .join('\n')}
`,
      { args: ['--workers', '1'] },
    );
    const ports = { plain: await gateway.port('plain'), tls: await gateway.port('tls') };
    const before = (await gateway.status()).workers[0]?.pid;

    const all: Abandoned[] = [];
    for (const entry of entryKinds) {
      for (const { name } of nodes) {
        for (const part of requestParts) {
          for (const afterMs of [0, 10, 90, 200]) {
            // Each way to leave meets each act, over the others.
            const act = nodeActs[all.length % nodeActs.length];
            const departure = departures[Math.trunc(all.length / 3) % departures.length];
            const port = ports[entry === 'plain' ? 'plain' : 'tls'];
            const path = `/${name}/${act}`;
            all.push({ entry, port, path, part, afterMs, departure: departure ?? 'reset' });
          }
        }
      }
    }
    const left = all.values();
    const one = async (): Promise<void> => {
      // oxlint-disable-next-line no-await-in-loop -- so many at one time, and no more
      for (const asked of left) await abandon(asked);
    };
    await Promise.all(Array.from({ length: atOnce }, one));

    await eventually('everything to be given back', async () => {
      const { entries, clusters } = await gateway.status();
      const held = entries.some(({ connections, requests }) => connections + requests > 0);
      return (
        !held && clusters.every(({ nodes: each }) => each.every((node) => node.in_flight === 0))
      );
    });
    const { crashes, workers } = await gateway.status();
    assert.equal(crashes, 0, gateway.output);
    assert.equal(workers[0]?.pid, before);
    assert.doesNotMatch(gateway.output, /"level":"(?:error|fatal)"/);

    // What is held beyond what the status tells would be missing now.
    for (const { name } of nodes) {
      const url = `http://127.0.0.1:${ports.plain}/${name}/whole`;
      const secure = `https://127.0.0.1:${ports.tls}/${name}/whole`;
      const asked = Array.from({ length: clients }, () => ask(url));
      for (let i = 1; i < clients; i++) asked.push(ask(secure));
      // oxlint-disable-next-line no-await-in-loop -- as many as may be at one time, for each
      for (const { status } of await Promise.all(asked)) assert.equal(status, 200, name);
      const client = connectHttp2(t, ports.tls);
      // oxlint-disable-next-line no-await-in-loop -- one client after the other
      const streams = await Promise.all(
        Array.from({ length: 32 }, () => askHttp2(client, { ':path': `/${name}/whole` })),
      );
      for (const { status, trailers } of streams) {
        assert.equal(status, 200);
        assert.equal(trailers['x-sum'], '7');
      }
      client.close();
    }
  });
});
