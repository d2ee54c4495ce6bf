import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { suite, test, type TestContext } from 'node:test';
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { RequestContext } from '../../src/http/context.ts';
import type { CertificatePair, EntryCredentials } from '../../src/tls/credentials.ts';
import { issued, type Made, selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { answerPath, get, startEntry } from '../support/entry.ts';
import { withTls } from '../support/tls.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

function read(made: Made): CertificatePair {
  return { cert: readFileSync(made.cert, 'utf8'), key: readFileSync(made.key, 'utf8') };
}

async function handshake(
  t: TestContext,
  port: number,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

suite('certificates by name', () => {
  async function servedName(t: TestContext, port: number, servername: string): Promise<string> {
    const socket = await handshake(t, port, { servername });
    return String(socket.getPeerCertificate().subject.CN);
  }

  test('exact names before wildcards, wildcards for one level, the rest gets the first', async (t) => {
    const path = temporaryFolder(t);
    const pairs = ['main.test', 'api.test', 'wild.test', 'exact.test'].map((name) =>
      read(selfSigned(path, name)),
    ) as [CertificatePair, CertificatePair, CertificatePair, CertificatePair];
    const credentials: EntryCredentials = {
      fallback: pairs[0],
      named: [
        { domains: ['api.test', 'API2.test'], ...pairs[1] },
        { domains: ['*.w.test'], ...pairs[2] },
        { domains: ['one.w.test', 'api.test'], ...pairs[3] },
      ],
      clientAuthorities: null,
    };
    const { port } = await startEntry(t, answerPath, { config: withTls(), credentials });
    const expected = {
      'api.test': 'api.test',
      'API.TEST': 'api.test',
      'api2.test': 'api.test',
      'two.w.test': 'wild.test',
      'one.w.test': 'exact.test',
      'a.two.w.test': 'main.test',
      'w.test': 'main.test',
      'other.test': 'main.test',
      '': 'main.test',
    };
    for (const [name, certificate] of Object.entries(expected)) {
      assert.equal(await servedName(t, port, name), certificate, name);
    }
  });
});

suite('versions and ciphers', () => {
  const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
  for (const min_version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`nothing older than ${min_version}`, async (t) => {
      const { port } = await startEntry(t, answerPath, { config: withTls({ min_version }) });
      for (const version of versions) {
        const options = {
          minVersion: version,
          maxVersion: version,
          ciphers: 'DEFAULT:@SECLEVEL=0',
        };
        const attempt = handshake(t, port, options).then((socket) => socket.getProtocol());
        if (version >= min_version) assert.equal(await attempt, version);
        else await assert.rejects(attempt, version);
      }
    });
  }

  test('weak ciphers are refused, the configured ones are taken', async (t) => {
    const { port } = await startEntry(t, answerPath, { config: withTls() });
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' } as const;
    await assert.rejects(handshake(t, port, weak));
    const own = await startEntry(t, answerPath, {
      config: withTls({ ciphers: 'ECDHE-ECDSA-AES128-SHA' }),
    });
    const socket = await handshake(t, own.port, weak);
    assert.equal(socket.getCipher().standardName, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA');
  });
});

suite('client certificates', () => {
  function prepare(t: TestContext) {
    const path = temporaryFolder(t);
    const authority = selfSigned(path, 'clients.test');
    const stranger = read(selfSigned(path, 'stranger.test'));
    const known = read(issued(path, 'alice', authority, 'extendedKeyUsage=clientAuth'));
    const credentials: EntryCredentials = {
      fallback: read(selfSigned(path, 'server.test')),
      named: [],
      clientAuthorities: readFileSync(authority.cert, 'utf8'),
    };
    return { stranger, known, credentials, ca_file: authority.cert };
  }

  function tellCertificate({ client, response }: RequestContext): void {
    response.status = 200;
    response.body = Buffer.from(JSON.stringify(client.certificate ?? null));
  }

  async function ask(
    t: TestContext,
    port: number,
    options: ConnectionOptions,
  ): Promise<string | null> {
    const socket = await handshake(t, port, options);
    const client = new RawConnection(socket);
    client.send(get());
    await eventually(
      'an answer',
      () => client.ended || client.error !== null || client.responses > 0,
    );
    if (client.responses === 0) return null;
    await client.until(/\r\n\r\n.+/);
    return client.received.split('\r\n\r\n')[1] ?? '';
  }

  test('only clients of the authority get in, and the flow knows them', async (t) => {
    const { stranger, known, credentials, ca_file } = prepare(t);
    const config = withTls({ ca_file });
    const { port, entry, logged } = await startEntry(t, tellCertificate, { config, credentials });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      assert.equal(await ask(t, port, { maxVersion }).catch(() => null), null);
      assert.equal(await ask(t, port, { ...stranger, maxVersion }).catch(() => null), null);
      const answer = JSON.parse((await ask(t, port, { ...known, maxVersion })) ?? '') as {
        fingerprint: string;
      };
      assert.match(answer.fingerprint, /^[0-9a-f]{64}$/);
      assert.deepEqual(
        { ...answer, fingerprint: '' },
        {
          subject: 'CN=alice',
          issuer: 'CN=clients.test',
          fingerprint: '',
          verified: true,
          problem: null,
        },
      );
    }
    assert.ok(logged.some((line) => line.includes('client refused')));
    await entry.prove();
  });

  test('skip_insecure_verify lets everyone in, and says who did not verify', async (t) => {
    const { stranger, credentials, ca_file } = prepare(t);
    const config = withTls({ ca_file, skip_insecure_verify: true });
    const { port } = await startEntry(t, tellCertificate, { config, credentials });
    assert.equal(await ask(t, port, {}), 'null');
    const answer = JSON.parse((await ask(t, port, stranger)) ?? '') as object;
    assert.deepEqual(Object.entries(answer).slice(-2), [
      ['verified', false],
      ['problem', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ]);
  });

  test('a resumed session keeps its certificate; other authorities end it', async (t) => {
    const { known, credentials, ca_file } = prepare(t);
    const ticketKeys = randomBytes(48);
    const config = withTls({ ca_file });
    const first = await startEntry(t, tellCertificate, { config, credentials, ticketKeys });
    const second = await startEntry(t, tellCertificate, { config, credentials, ticketKeys });
    const clientAuthorities = credentials.fallback.cert;
    const third = await startEntry(t, tellCertificate, {
      config,
      credentials: { ...credentials, clientAuthorities },
      ticketKeys,
    });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const session = await sessionOf(t, first.port, { ...known, maxVersion });
      const again = await handshake(t, second.port, { ...known, maxVersion, session });
      assert.equal(again.isSessionReused(), true);
      const client = new RawConnection(again);
      client.send(get());
      await client.until(/"subject":"CN=alice".*"verified":true/);
      const refused = ask(t, third.port, { ...known, maxVersion, session }).catch(() => null);
      assert.equal(await refused, null);
    }
  });
});

/** A session that was established by a whole handshake and one request. */
async function sessionOf(
  t: TestContext,
  port: number,
  options: ConnectionOptions,
): Promise<Buffer<ArrayBuffer>> {
  const socket = await handshake(t, port, options);
  let session: Buffer | undefined;
  if (options.maxVersion === 'TLSv1.2') session = socket.getSession();
  socket.on('session', (one: Buffer) => (session = one));
  const client = new RawConnection(socket);
  client.send(get());
  await eventually('a session', () => session !== undefined && client.responses > 0);
  return Buffer.from(session ?? []);
}

suite('session tickets', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${maxVersion}: resume with the same keys, and not with others`, async (t) => {
      const ticketKeys = randomBytes(48);
      const config = withTls();
      const [first, second, other] = await Promise.all([
        startEntry(t, answerPath, { config, ticketKeys }),
        startEntry(t, answerPath, { config, ticketKeys }),
        startEntry(t, answerPath, { config }),
      ]);
      const session = await sessionOf(t, first.port, { maxVersion });
      const resumed = await handshake(t, second.port, { maxVersion, session });
      assert.equal(resumed.isSessionReused(), true);
      const fresh = await handshake(t, other.port, { maxVersion, session });
      assert.equal(fresh.isSessionReused(), false);
      other.entry.setTicketKeys(ticketKeys);
      const now = await handshake(t, other.port, { maxVersion, session });
      assert.equal(now.isSessionReused(), true);
    });

    test(`${maxVersion}: the key before the newest is accepted, and the ticket renewed`, async (t) => {
      const path = temporaryFolder(t);
      const named = { domains: ['named.test'], ...read(selfSigned(path, 'named.test')) };
      const fallback = read(selfSigned(path, 'main.test'));
      const credentials = { fallback, named: [named], clientAuthorities: null };
      const [oldest, older, newest] = [randomBytes(48), randomBytes(48), randomBytes(48)];
      const setup = { config: withTls(), credentials, ticketKeys: oldest };
      const [first, second] = await Promise.all([
        startEntry(t, answerPath, setup),
        startEntry(t, answerPath, setup),
      ]);
      for (const servername of ['named.test', 'main.test']) {
        first.entry.setTicketKeys(oldest);
        const options = { maxVersion, servername };
        const session = await sessionOf(t, first.port, options);
        for (const { entry } of [first, second])
          entry.setTicketKeys(Buffer.concat([older, oldest]));
        const resumed = await handshake(t, second.port, { ...options, session });
        assert.equal(resumed.isSessionReused(), true);
        const renewed = await sessionOf(t, first.port, { ...options, session });
        for (const { entry } of [first, second])
          entry.setTicketKeys(Buffer.concat([newest, older]));
        const again = await handshake(t, second.port, { ...options, session: renewed });
        assert.equal(again.isSessionReused(), true, 'renewed');
        const forgotten = await handshake(t, first.port, { ...options, session });
        assert.equal(forgotten.isSessionReused(), false, 'under a key that is no more');
      }
    });
  }
});
