/** The filters that forward: their parameters by the real validation, their requests to real sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import elasticsearch from '../../src/filters/forwarding/elasticsearch.ts';
import http from '../../src/filters/forwarding/http.ts';
import { rawBackend } from '../support/raw-backend.ts';
import { build, configuration, hostOf, load, named, run } from '../support/proxying.ts';

test('http forwards to its hosts in turns, with the Host of the client', async (t) => {
  const heads: string[] = [];
  const a = await named(t, 'a', heads);
  const b = await named(t, 'b', heads);
  const hosts = JSON.stringify([hostOf(a.origin), hostOf(b.origin)]);
  const filter = await build(t, configuration(`{ http: { hosts: ${hosts} } }`));
  const answers = [await run(filter), await run(filter), await run(filter), await run(filter)];
  assert.deepEqual(answers.sort(), ['a', 'a', 'b', 'b']);
  assert.match(heads[0] as string, /\r\nHost: shop\.example\r\n/);
});

test('http gives up after its timeout', async (t) => {
  const silent = await rawBackend(t, () => {});
  const parameters = `{ host: "${hostOf(silent.origin)}", timeout: 150ms }`;
  const filter = await build(t, configuration(`{ http: ${parameters} }`));
  await assert.rejects(run(filter), { code: 'UPSTREAM_TIMEOUT', status: 504 });
});

test('http needs a host, and one that is an address', async (t) => {
  await assert.rejects(load(t, configuration('{ http: {} }')), { code: 'CONFIG_INVALID' });
  await assert.rejects(load(t, configuration('{ http: { host: "http://a:1/x" } }')), {
    code: 'CONFIG_INVALID',
  });
});

test('http checks no servers that it would not leave out', async (t) => {
  const parameters = '{ host: "a:1", skip_failure_host: false, health_check: { enabled: true } }';
  await assert.rejects(load(t, configuration(`{ http: ${parameters} }`)), {
    code: 'CONFIG_INVALID',
  });
});

test('elasticsearch forwards to its cluster, with the Host of the node and its user', async (t) => {
  const heads: string[] = [];
  const a = await named(t, 'a', heads);
  const text = configuration('{ elasticsearch: { elasticsearch: prod } }', [a.origin]);
  assert.equal(await run(await build(t, text)), 'a');
  assert.ok(heads[0]?.includes(`\r\nHost: ${hostOf(a.origin)}\r\n`));
  assert.ok(heads[0]?.includes('\r\nAuthorization: Basic dTpw\r\n'));
});

test('elasticsearch keeps to weights and to the choice of hosts', async (t) => {
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => named(t, name)));
  const [atA, atB, atC] = [a, b, c].map((node) => hostOf(node?.origin as string));
  const endpoints = [a, b, c].map((node) => node?.origin as string);
  const parameters = `{ elasticsearch: prod, filter: { hosts: { exclude: ["${atC}"] } }, weights: [{ host: "${atA}", weight: 3 }, { host: "${atB}", weight: 1 }] }`;
  const filter = await build(t, configuration(`{ elasticsearch: ${parameters} }`, endpoints));
  const answers: string[] = [];
  for (let i = 0; i < 8; i++) answers.push(await run(filter));
  assert.equal(answers.sort().join(''), 'aaaaaabb');
});

const failing = [
  { name: 'a read by default', parameters: '', method: 'GET', requests: 3 },
  {
    name: 'a read, at most as often as told',
    parameters: ', max_retry_times: 1',
    method: 'GET',
    requests: 2,
  },
  { name: 'no write by default', parameters: '', method: 'DELETE', requests: 1 },
  {
    name: 'a write when told',
    parameters: ', retry_writes_on_backend_failure: true, max_retry_times: 2',
    method: 'DELETE',
    requests: 3,
  },
  {
    name: 'no read when told not to',
    parameters: ', retry_readonly_on_backend_failure: false',
    method: 'GET',
    requests: 1,
  },
  {
    name: 'nothing when told not to',
    parameters: ', retry_on_backend_failure: false, retry_writes_on_backend_failure: true',
    method: 'DELETE',
    requests: 1,
  },
];
for (const { name, parameters, method, requests } of failing) {
  test(`elasticsearch repeats ${name}`, async (t) => {
    let seen = 0;
    const bad = await rawBackend(t, async (peer) => {
      await peer.head();
      seen++;
      peer.socket.resetAndDestroy();
    });
    const retries = parameters.includes('max_retry_times') ? '' : ', max_retry_times: 2';
    const all = `{ elasticsearch: prod, retry_delay_in_ms: 10${retries}${parameters} }`;
    const filter = await build(t, configuration(`{ elasticsearch: ${all} }`, [bad.origin]));
    await assert.rejects(run(filter, method, '/i/_doc/1'), {
      code: 'UPSTREAM_BROKEN',
      status: 502,
    });
    assert.equal(seen, requests);
  });
}

test('every parameter of both filters is described', () => {
  for (const { schema } of [http, elasticsearch]) {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      assert.ok(property.description?.endsWith('.'), name);
    }
  }
});
