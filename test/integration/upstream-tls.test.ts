/** Nodes that speak TLS: who is verified by what, what they are shown and asked for, and HTTP/2. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { ask } from '../harness/clients.ts';
import { startGateway } from '../harness/gateway.ts';
import { folder, issued, type Made, selfSigned } from '../tls/made.ts';

interface Seen {
  /** Name asked for. */
  readonly servername: string | false | null | undefined;
  /** Whom the client certificate is of. */
  readonly client: string | undefined;
  readonly version: string;
  /** Connections made until then. */
  readonly connections: number;
}

/** A node with TLS that tells what it has seen of whoever asks. */
async function startNode(t: TestContext, made: Made, options: { ca?: Made } = {}) {
  let connections = 0;
  const server = createSecureServer(
    {
      allowHTTP1: true,
      cert: readFileSync(made.cert),
      key: readFileSync(made.key),
      ...(options.ca && {
        ca: readFileSync(options.ca.cert),
        requestCert: true,
        rejectUnauthorized: true,
      }),
    },
    (request, response) => {
      const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
      const seen: Seen = {
        servername: (socket as { servername?: string | false | null }).servername,
        client: socket.getPeerCertificate().subject?.CN as string | undefined,
        version: request.httpVersion,
        connections,
      };
      let received = 0;
      request.on('data', (chunk: Buffer) => (received += chunk.length));
      request.on('end', () => response.end(JSON.stringify({ ...seen, received })));
    },
  );
  server.on('secureConnection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `https://localhost:${(server.address() as AddressInfo).port}`;
}

async function gatewayTo(t: TestContext, origin: string, cluster: string, filter = '') {
  const http = [`host: "${origin.slice(8)}"`, cluster, filter].filter(Boolean).join(', ');
  const prod = ['elasticsearch: prod, max_retry_times: 0', filter].filter(Boolean).join(', ');
  const gateway = await startGateway(
    t,
    `log.level: debug
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main, rules: [{ method: "*", pattern: /http, flow: [http] }] }]
flow:
  - { name: main, filter: [{ elasticsearch: { ${prod} } }] }
  - { name: http, filter: [{ http: { schema: https, ${http} } }] }
elasticsearch: [{ name: prod, endpoint: "${origin}", health_check.enabled: false, ${cluster} }]
`,
    { args: ['--workers', '1'] },
  );
  return { gateway, url: await gateway.origin('main') };
}

suite('TLS to nodes', () => {
  test('any certificate is accepted by default, and none that does not verify with ca_file', async (t) => {
    const path = folder(t);
    const authority = selfSigned(path, 'authority');
    const node = issued(path, 'node', authority, 'subjectAltName=DNS:localhost');
    const origin = await startNode(t, node);
    const { url: careless } = await gatewayTo(t, origin, '');
    assert.equal((await ask(`${careless}/`)).status, 200);
    assert.equal((await ask(`${careless}/http`)).status, 200);
    const { url: strict } = await gatewayTo(t, origin, '', 'tls_insecure_skip_verify: false');
    assert.equal((await ask(`${strict}/`)).status, 502);
    assert.equal((await ask(`${strict}/http`)).status, 502);
    const { url: verified } = await gatewayTo(t, origin, `tls: { ca_file: "${authority.cert}" }`);
    assert.equal((await ask(`${verified}/`)).status, 200);
    assert.equal((await ask(`${verified}/http`)).status, 200);
    const other = selfSigned(path, 'other');
    const { url: foreign } = await gatewayTo(t, origin, `tls: { ca_file: "${other.cert}" }`);
    assert.equal((await ask(`${foreign}/`)).status, 502);
    assert.equal((await ask(`${foreign}/http`)).status, 502);
  });

  test('a client certificate is shown, and a name asked for and verified', async (t) => {
    const path = folder(t);
    const authority = selfSigned(path, 'authority');
    const node = issued(path, 'node', authority, 'subjectAltName=DNS:es.example');
    const client = issued(path, 'gateway', authority, 'extendedKeyUsage=clientAuth');
    const origin = await startNode(t, node, { ca: authority });
    const shown = `cert_file: "${client.cert}", key_file: "${client.key}"`;
    const ca = `ca_file: "${authority.cert}"`;
    const { gateway, url: named } = await gatewayTo(
      t,
      origin,
      `tls: { ${ca}, ${shown}, server_name: es.example }`,
    );
    for (const target of ['/', '/http']) {
      const { status, body } = await ask(`${named}${target}`);
      assert.equal(status, 200, `${body}\n${gateway.output}`);
      const seen = JSON.parse(body) as Seen;
      assert.equal(seen.servername, 'es.example');
      assert.equal(seen.client, 'gateway');
      assert.equal(seen.version, '1.1');
    }
    // One connection to the node serves whatever host clients ask for, and is not verified by it.
    const counts: number[] = [];
    for (const host of ['one.example', 'two.example', 'one.example']) {
      const { body } = await ask(`${named}/http`, { headers: { Host: host } });
      counts.push((JSON.parse(body) as Seen).connections);
    }
    assert.deepEqual(counts, [2, 2, 2], 'one for each of the two filters');
    // Its certificate is not for the name in its address.
    const { url: unnamed } = await gatewayTo(t, origin, `tls: { ${ca}, ${shown} }`);
    assert.equal((await ask(`${unnamed}/`)).status, 502);
    const { url: unknown } = await gatewayTo(t, origin, `tls: { ${ca}, server_name: es.example }`);
    assert.equal((await ask(`${unknown}/`)).status, 502);
  });

  test('HTTP/2 with nodes that offer it', async (t) => {
    const made = selfSigned(folder(t), 'localhost');
    const origin = await startNode(t, made);
    const { url: gateway } = await gatewayTo(t, origin, 'http2: true');
    const bodies = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask(`${gateway}${i % 2 ? '/' : '/http'}`, { method: 'POST', body: Buffer.alloc(100_000) }),
      ),
    );
    for (const { status, body } of bodies) {
      assert.equal(status, 200);
      const { version, received } = JSON.parse(body) as Seen & { received: number };
      assert.equal(version, '2.0');
      assert.equal(received, 100_000);
    }
    assert.equal((await ask(`${gateway}/`, { method: 'HEAD' })).status, 200);
  });
});
