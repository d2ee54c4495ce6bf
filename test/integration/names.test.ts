import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackend, startGateway, type TestGateway } from '../support/gateway.ts';
import { NameServer } from '../support/name-server.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const unshare = ['unshare', '-m', '--propagation', 'private'];
const canHide = spawnSync(unshare[0] as string, [...unshare.slice(1), 'true']).status === 0;
const skip = canHide ? false : 'mount namespaces are not available here';

/** Runs a command with a resolv.conf and hosts file of its own. */
function withNames(folder: string, nameserver: string, hosts = ''): string[] {
  const [resolver, hostsFile] = [join(folder, 'resolv.conf'), join(folder, 'hosts')];
  writeFileSync(resolver, `nameserver ${nameserver}\n`);
  writeFileSync(hostsFile, `127.0.0.1 localhost\n${hosts}`);
  const script = `mount --bind ${resolver} /etc/resolv.conf && mount --bind ${hostsFile} /etc/hosts && exec "$@"`;
  return [...unshare, 'sh', '-c', script, 'sh'];
}

/** A name server on port 53 of a loopback address of its own. */
async function nameServer(t: TestContext): Promise<{ server: NameServer; address: string }> {
  const address = `127.${100 + (process.pid % 100)}.${(process.pid >> 7) % 250}.${Math.ceil(Math.random() * 250)}`;
  return { server: await NameServer.start(t, address, 53), address };
}

async function ask(url: string): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.timeout(30_000);
  const answer = await fetch(url, { signal, headers: { Connection: 'close' } });
  return { status: answer.status, text: await answer.text() };
}

function configuration(clusters: string): string {
  return `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - name: r
    default_flow: good
    rules: [{ method: ['*'], pattern: [/bad], flow: [bad] }]
flow:
  - { name: good, filter: [{ elasticsearch: { elasticsearch: good } }] }
  - { name: bad, filter: [{ elasticsearch: { elasticsearch: bad } }] }
elasticsearch:
${clusters}
`;
}

test('a name server that is dead for one cluster leaves the others alone', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  const { server, address } = await nameServer(t);
  for (const name of ['es1', 'es2', 'es3']) server.records.set(`${name}.dead.example`, 'silent');
  // Each request needs a new connection, and so its name.
  const backend = await startBackend(t, (_request, response) => {
    response.setHeader('Connection', 'close').end('good');
  });
  const endpoints = ['es1', 'es2', 'es3'].map((name) => `"http://${name}.dead.example:9200"`);
  const gateway = await startGateway(
    t,
    configuration(`  - { name: good, endpoint: 'http://localhost:${backend.port}' }
  - { name: bad, endpoints: [${endpoints.join(', ')}] }`),
    { folder, wrapper: withNames(folder, address), args: ['--workers', '1'] },
  );
  const origin = await gateway.origin('e');
  const bad = Array.from({ length: 8 }, () => ask(`${origin}/bad`));
  for (let count = 0; count < 10; count++) {
    const began = performance.now();
    const { status, text } = await ask(origin);
    assert.deepEqual([status, text], [200, 'good'], gateway.output);
    assert.ok(performance.now() - began < 3000, 'it waits for no name server');
  }
  for (const { status, text } of await Promise.all(bad)) assert.equal(status, 502, text);
  const began = performance.now();
  gateway.process.kill('SIGTERM');
  assert.deepEqual(await gateway.ended(), { code: 0, signal: null });
  assert.ok(performance.now() - began < 3000, 'the end waits for no name server');
});

test('a slow name server costs a request no time to connect, and no check', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  const { server, address } = await nameServer(t);
  server.records.set('es.example', { addresses: ['127.0.0.1'], delayMs: 1500 });
  const backend = await startBackend(t, (_request, response) => response.end('good'));
  const gateway = await startGateway(
    t,
    `entry:
  - { name: e, router: r, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - { name: f, filter: [{ http: { schema: http, hosts: ['es.example:${backend.port}'], dial_timeout: 500ms } }] }
`,
    { folder, wrapper: withNames(folder, address), args: ['--workers', '1'] },
  );
  assert.deepEqual(await ask(await gateway.origin('e')), { status: 200, text: 'good' });
});

/** Two backends on one port, each on an address of its own. */
async function twins(
  t: TestContext,
): Promise<{ addresses: string[]; port: number; counts: number[] }> {
  const addresses = ['127.0.0.1', '127.0.0.2'];
  const counts = [0, 0];
  let port = 0;
  for (const [index, address] of addresses.entries()) {
    const server: Server = createServer((_request, response) => {
      counts[index] = (counts[index] ?? 0) + 1;
      response.end(address);
    });
    server.listen(port, address);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  return { addresses, port, counts };
}

async function answerer(gateway: TestGateway): Promise<string> {
  const { status, text } = await ask(await gateway.origin('e'));
  assert.equal(status, 200, text);
  return text;
}

test('all addresses of a name get requests, and connections follow a name that moves', {
  skip,
}, async (t) => {
  const folder = temporaryFolder(t);
  const { server, address } = await nameServer(t);
  const { addresses, port, counts } = await twins(t);
  server.records.set('es.example', { addresses, ttl: 1 });
  const gateway = await startGateway(
    t,
    configuration(`  - { name: good, endpoint: 'http://es.example:${port}', health_check: { enabled: false } }
  - { name: bad, endpoint: 'http://127.0.0.1:1', health_check: { enabled: false } }`),
    { folder, wrapper: withNames(folder, address), args: ['--workers', '1'] },
  );
  await ask(await gateway.origin('e'));
  counts.fill(0);
  for (let count = 0; count < 20; count++) await answerer(gateway);
  assert.deepEqual(counts, [10, 10]);
  server.records.set('es.example', { addresses: ['127.0.0.2'], ttl: 1 });
  await eventually('every request to go to the new address', async () => {
    const seen = [await answerer(gateway), await answerer(gateway), await answerer(gateway)];
    return seen.every((one) => one === '127.0.0.2');
  });
  server.records.set('es.example', { addresses: ['127.0.0.1'], ttl: 1 });
  await eventually('the kept connection to be left', async () => {
    return (await answerer(gateway)) === '127.0.0.1';
  });
  server.records.set('es.example', 'failing');
  await sleep(1500);
  assert.equal(await answerer(gateway), '127.0.0.1');
});
