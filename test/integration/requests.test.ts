/** Requests through both entries of a real gateway to a real backend. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { suite, test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

const twoEntries = (origin: string): string => `
entry:
  - name: es_ingest
    router: ingest_router
    network: { binding: "127.0.0.1:0" }
  - name: es_search
    router: search_router
    network: { binding: "127.0.0.1:0" }
router:
  - name: ingest_router
    default_flow: proxy
  - name: search_router
    rules:
      - method: GET
        pattern: /both
        flow: [first, second]
      - method: [GET, POST]
        pattern: ["/_search", "/{index}/_search"]
        flow: proxy_http
flow:
  - name: proxy
    filter: [{ elasticsearch: { elasticsearch: demo } }]
  - name: proxy_http
    filter: [{ http: { schema: http, host: "${origin.slice(7)}" } }]
  - name: first
    filter: [{ echo: { message: "one " } }]
  - name: second
    filter: [{ echo: { message: "two" } }]
elasticsearch:
  - name: demo
    endpoint: ${origin}
`;

suite('requests', () => {
  test('each entry routes by its own router', async (t) => {
    const backend = await startBackend(t, (incoming, response) => {
      response.setHeader('X-Seen', `${incoming.method} ${incoming.url}`);
      incoming.pipe(response);
    });
    const gateway = await startGateway(t, twoEntries(backend.origin));
    const ingest = await gateway.origin('es_ingest');
    const search = await gateway.origin('es_search');

    const posted = await ask(`${ingest}/books/_doc/1?refresh=true`, { method: 'POST', body: '{}' });
    assert.equal(posted.status, 200);
    assert.equal(posted.headers['x-seen'], 'POST /books/_doc/1?refresh=true');
    assert.equal(posted.body, '{}');

    const found = await ask(`${search}/books/_search?q=a%20b`);
    assert.equal(found.headers['x-seen'], 'GET /books/_search?q=a%20b');

    const both = await ask(`${search}/both`);
    assert.equal(both.body, 'one two');

    const nowhere = await ask(`${search}/books/_doc/1`);
    assert.equal(nowhere.status, 404);
    assert.match(nowhere.body, /NOT FOUND/);
    assert.equal((await ask(`${search}/_search`, { method: 'DELETE' })).status, 404);
  });

  test('large bodies stream both ways unchanged', async (t) => {
    const backend = await startBackend(t, (incoming, response) => incoming.pipe(response));
    const gateway = await startGateway(t, twoEntries(backend.origin));
    const body = randomBytes(20 * 1024 * 1024);
    const outgoing = request(`${await gateway.origin('es_ingest')}/large`, { method: 'PUT' });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    const hash = createHash('sha256');
    for await (const chunk of response) hash.update(chunk);
    assert.equal(hash.digest('hex'), createHash('sha256').update(body).digest('hex'));
  });

  test('a backend that cannot be reached is 502, one that is silent 504', async (t) => {
    const silent = await startBackend(t, () => {});
    const gateway = await startGateway(
      t,
      `
entry:
  - { name: main, router: main, network: { binding: "127.0.0.1:0" } }
router:
  - name: main
    rules:
      - { method: "*", pattern: /dead, flow: dead }
      - { method: "*", pattern: /silent, flow: silent }
      - { method: "*", pattern: /cluster, flow: cluster }
flow:
  - name: dead
    filter: [{ http: { host: "127.0.0.1:1" } }]
  - name: silent
    filter: [{ http: { host: "${silent.origin.slice(7)}", timeout: 300ms } }]
  - name: cluster
    filter: [{ elasticsearch: { elasticsearch: silent } }]
elasticsearch:
  - { name: silent, endpoint: "${silent.origin}", request_timeout: 300ms, health_check.enabled: false }
`,
    );
    const origin = await gateway.origin('main');
    assert.equal((await ask(`${origin}/dead`, { method: 'POST' })).status, 502);
    assert.equal((await ask(`${origin}/silent`, { method: 'POST' })).status, 504);
    assert.equal((await ask(`${origin}/cluster`, { method: 'POST' })).status, 504);
  });

  test('a client that goes away takes its upstream request along', async (t) => {
    let [begun, aborted] = [false, false];
    const backend = await startBackend(t, (_incoming, response) => {
      begun = true;
      response.on('close', () => {
        aborted ||= !response.writableFinished;
      });
    });
    const gateway = await startGateway(t, twoEntries(backend.origin));
    const outgoing = request(`${await gateway.origin('es_ingest')}/`, { agent: false });
    outgoing.on('error', () => {});
    outgoing.end();
    await eventually('the request at the backend', () => begun);
    outgoing.destroy();
    await eventually('the end of the upstream request', () => aborted);
  });
});
