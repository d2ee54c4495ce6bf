/**
 * Clients of HTTP/1 of every kind, left at every point: connections, slots, requests and connections
 * to nodes are free again afterwards, and no worker has ended. Limits are so small that what is lost for
 * each would soon leave nothing for others.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  abandon,
  type Abandoned,
  abandonedNodes,
  departures,
  nodeActs,
} from '../support/abandoning.ts';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

/** Connections that an entry takes, and that are opened to a node. */
const clients = 24;
const nodeConnections = 4;
/** Clients at one time on each entry. */
const atOnce = 20;

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const chunked = 'Transfer-Encoding: chunked\r\n';

/** A path, and what a client sends before it leaves. */
const sent: Record<string, (path: string) => string> = {
  nothing: () => '',
  'a part of a request line': () => 'GET /x HT',
  'a part of a head': (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nX: `,
  'a request': (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'a padded field': (path) => `GET ${path} HTTP/1.1\r\nHost:  a\r\n\r\n`,
  'HTTP/1.0': (path) => `GET ${path} HTTP/1.0\r\n\r\n`,
  'HTTP/1.0 that stays': (path) => `GET ${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`,
  'an upload of HTTP/1.0': (path) => `POST ${path} HTTP/1.0\r\nContent-Length: 1000\r\n\r\n12345`,
  'an upgrade that is declined': (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`,
  'an upgrade, and more': (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\nmore\r\n\r\n`,
  'some of a body': (path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab`,
  'some chunks': (path) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${chunked}\r\n2\r\nab\r\n5`,
  'a malformed chunk': (path) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${chunked}\r\n2\r\nab\r\nz`,
  'an expectation': (path) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
  'a large upload that is not read': (path) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n${'x'.repeat(300_000)}`,
  'requests in a row': (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(20),
  'more requests than are read ahead': (path) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(5_000),
  'a request and a part of another': (path) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\nGET ${path} HTT`,
  'a request and garbage': (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n\0\0`,
  'a request and CONNECT': (path) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`,
};

suite('clients of HTTP/1 that leave', { timeout: 240_000 }, () => {
  test('leave the worker alive, and nothing behind', async (t) => {
    const [fast, slow] = await Promise.all([abandonedNodes(t, 0), abandonedNodes(t, 60)]);
    const limits = ['head', 'read', 'write', 'idle'].map((what) => `    ${what}_timeout: 600ms`);
    const entry = (name: string) => `  - name: ${name}
    router: r
    network: { binding: "127.0.0.1:0" }
    max_concurrency: ${clients}
    tls: { enabled: ${name === 'tls'} }
${limits.join('\n')}
`;
    const flow = (name: string, host: string) => `  - name: ${name}
    filter:
      - http: { host: "${host}", timeout: 500ms, max_connection_per_node: ${nodeConnections}, max_idle_conn_duration: 50ms, max_conn_wait_timeout: 1s }
`;
    const gateway = await startGateway(
      t,
      `entry:
${entry('plain')}${entry('tls')}
router:
  - name: r
    default_flow: fast
    rules: [{ method: ["*"], pattern: ["/slow/{act}"], flow: [slow] }]
flow:
${flow('fast', fast.plain)}${flow('slow', slow.plain)}
`,
      { args: ['--workers', '1'] },
    );
    const ports = { plain: await gateway.port('plain'), tls: await gateway.port('tls') };

    const all: Abandoned[] = [];
    for (const textOf of Object.values(sent)) {
      for (const node of ['fast', 'slow']) {
        for (const departure of departures.filter((one) => one !== 'cancel')) {
          for (const isDeaf of [false, true]) {
            // Each meets each act of a node, and leaves sooner or later, over the others.
            const act = nodeActs[all.length % nodeActs.length] ?? 'silent';
            const path = `/${node}/${act}`;
            const afterMs = [0, 10, 90, 200][Math.trunc(all.length / 5) % 4] ?? 0;
            const text = textOf(path);
            all.push({
              entry: 'plain',
              port: 0,
              path,
              part: 'GET',
              afterMs,
              departure,
              text,
              isDeaf,
            });
          }
        }
      }
    }
    await Promise.all(
      (['plain', 'tls'] as const).flatMap((kind) => {
        const left = all.values();
        return Array.from({ length: atOnce }, async () => {
          for (const asked of left) {
            // oxlint-disable-next-line no-await-in-loop -- so many at one time, and no more
            await abandon({ ...asked, entry: kind, port: ports[kind] });
          }
        });
      }),
    );

    await eventually('everything to be given back', async () => {
      const { entries, clusters } = await gateway.status();
      const held = entries.some(({ connections, requests }) => connections + requests > 0);
      return !held && clusters.every(({ nodes }) => nodes.every((node) => node.in_flight === 0));
    });
    const { crashes } = await gateway.status();
    assert.equal(crashes, 0, gateway.output);
    assert.doesNotMatch(gateway.output, /"level":"(?:error|fatal)"/);

    // What is held beyond what the status tells would be missing now.
    for (const node of ['fast', 'slow']) {
      for (const origin of [`http://127.0.0.1:${ports.plain}`, `https://127.0.0.1:${ports.tls}`]) {
        const asked = Array.from({ length: clients }, () => ask(`${origin}/${node}/whole`));
        // oxlint-disable-next-line no-await-in-loop -- as many as may be at one time, for each
        for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
      }
    }
  });
});
