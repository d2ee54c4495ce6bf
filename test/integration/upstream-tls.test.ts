/** Nodes that speak TLS: who is verified by what, what they are shown and asked for, and HTTP/2. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  createSecureServer,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { issued, type Made, selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { RawConnection } from '../support/raw-connection.ts';

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
    const path = temporaryFolder(t);
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

  test('a cluster says by itself whether its nodes are verified', async (t) => {
    const path = temporaryFolder(t);
    const authority = selfSigned(path, 'authority');
    const node = issued(path, 'node', authority, 'subjectAltName=DNS:elsewhere.example');
    const origin = await startNode(t, node);
    const ca = `ca_file: "${authority.cert}"`;
    for (const [tls, status] of [
      ['skip_insecure_verify: false', 502],
      [ca, 502],
      [`${ca}, skip_domain_verify: true`, 200],
      [`${ca}, skip_insecure_verify: true`, 200],
    ] as const) {
      const { url } = await gatewayTo(t, origin, `tls: { ${tls} }`);
      assert.equal((await ask(`${url}/`)).status, status, tls);
      assert.equal((await ask(`${url}/http`)).status, status, tls);
    }
  });

  test('a client certificate is shown, and a name asked for and verified', async (t) => {
    const path = temporaryFolder(t);
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
    const made = selfSigned(temporaryFolder(t), 'localhost');
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

  test('fields, bodies and trailers of HTTP/2 arrive as the node sent them', async (t) => {
    const { cert, key } = selfSigned(temporaryFolder(t), 'localhost');
    const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) });
    server.on('stream', (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => {
      stream.on('error', () => {});
      stream.additionalHeaders({ ':status': 103, link: '</a.css>' });
      stream.respond(
        {
          ':status': fields[':method'] === 'POST' ? 201 : 200,
          'content-type': 'application/json',
          'set-cookie': ['a=1', 'b=2'],
          'x-seen': [fields['x-mine'], fields[':authority'], fields['te'] ?? 'none'].join(' '),
        },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }));
      stream.pipe(stream);
      if (fields[':method'] !== 'POST') stream.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const { url } = await gatewayTo(t, `https://localhost:${port}`, 'http2: true');
    const client = await RawConnection.connect(t, Number(new URL(url).port));
    const head = 'HTTP/1.1\r\nHost: shop.example\r\nX-Mine: 1\r\n';
    for (const [target, host] of [
      ['/', `localhost:${port}`],
      ['/http', 'shop.example'],
    ]) {
      client.received = '';
      client.send(`GET ${target} ${head}\r\n`);
      const answer = await client.until(/\r\n0\r\n[^]*\r\n\r\n$/);
      assert.match(
        answer,
        /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 /i,
      );
      assert.match(answer, /\r\ncontent-type: application\/json\r\n/i);
      assert.match(answer, /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/i);
      assert.ok(answer.includes(`1 ${host} none`), answer);
      assert.match(answer, /\r\n2\r\n\{\}\r\n0\r\nx-sum: abc\r\n\r\n$/i);
      client.received = '';
      client.send(`POST ${target} ${head}Content-Length: 5\r\n\r\nhello`);
      assert.match(
        await client.until(/\r\n0\r\n[^]*\r\n\r\n$/),
        /HTTP\/1\.1 201 [^]*\r\nhello\r\n0/,
      );
    }
  });

  test('a node that answers by HTTP/2 while the body is still coming', async (t) => {
    const { cert, key } = selfSigned(temporaryFolder(t), 'localhost');
    const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) });
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 413, 'content-length': '3' });
      stream.end('big', () => stream.close(constants.NGHTTP2_NO_ERROR));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
    const { url } = await gatewayTo(t, origin, 'http2: true');
    for (const target of ['/', '/http']) {
      for (const length of [1000, 100_000_000]) {
        const client = await RawConnection.connect(t, Number(new URL(url).port));
        client.send(`POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
        const feed = setInterval(() => {
          if (client.socket.writable && length > 1000) client.send('x'.repeat(65_536));
        }, 1);
        t.after(() => clearInterval(feed));
        assert.match(await client.until(/big$/), /^HTTP\/1\.1 413 /);
        // What is left of the body is either taken, or the connection ends with the answer.
        if (length === 1000) client.send(`${'x'.repeat(1000)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
        await (length === 1000 ? client.until(/big[^]*big$/) : client.untilClosed());
      }
    }
  });

  test('a WebSocket with a node that speaks HTTP/2 otherwise', async (t) => {
    const { cert, key } = selfSigned(temporaryFolder(t), 'localhost');
    const server = createSecureServer({
      allowHTTP1: true,
      cert: readFileSync(cert),
      key: readFileSync(key),
    });
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.on('error', () => {});
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi ',
      );
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
    const { url } = await gatewayTo(t, origin, 'http2: true');
    const client = await RawConnection.connect(t, Number(new URL(url).port));
    client.send('GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    assert.match(await client.until(/hi $/), /^HTTP\/1\.1 101 /);
    client.send('there');
    await client.until(/hi there$/);
    client.socket.end();
    await client.untilClosed();
  });
});
