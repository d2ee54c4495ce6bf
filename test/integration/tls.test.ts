import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import http2 from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { fileNameFor, LocalAuthority } from '../../src/tls/authority.ts';
import { hostNamesOf, thisMachine } from '../../src/tls/host-names.ts';
import { requestControl } from '../../src/primary/control/client.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { selfSigned } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const rest = `
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ echo: { message: hello } }] }]
`;

/** A configuration whose one entry has this TLS. */
function withTls(tls: string): string {
  return `entry: [{ name: web, network: { binding: "127.0.0.1:0" }, tls: ${tls} }]${rest}`;
}

function authorityOf(gateway: TestGateway): string {
  return readFileSync(join(gateway.folder, 'data', 'certs', 'ca.crt'), 'utf8');
}

async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Fingerprint of the certificate that one connection was shown. */
async function shown(port: number): Promise<string> {
  const socket = await handshake(port);
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

function fingerprintOf(file: string): string {
  return new X509Certificate(readFileSync(file)).fingerprint256;
}

/** Status and body over HTTPS, verified against `ca`. */
async function ask(port: number, ca: string, servername = 'localhost'): Promise<[number, string]> {
  const asking = request({ port, host: '127.0.0.1', servername, ca, agent: false });
  asking.end();
  const [response] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return [response.statusCode ?? 0, body];
}

async function askHttp2(t: TestContext, port: number, ca: string): Promise<number> {
  const client = http2.connect(`https://localhost:${port}`, { ca });
  t.after(() => client.destroy());
  const stream = client.request();
  stream.resume();
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpStatusHeader];
  return Number(headers[':status']);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

suite('TLS on a real gateway', () => {
  test('tls.enabled is all that a user writes', async (t) => {
    const gateway = await startGateway(t, withTls('{ enabled: true, default_domain: gate.test }'));
    const port = await gateway.port('web');
    const ca = authorityOf(gateway);
    for (const name of ['localhost', 'gate.test']) {
      assert.deepEqual(await ask(port, ca, name), [200, 'hello']);
    }
    assert.equal(await askHttp2(t, port, ca), 200);
    const certs = join(gateway.folder, 'data', 'certs');
    assert.equal(statSync(certs).mode & 0o077, 0);
    assert.equal(statSync(join(certs, 'ca.key')).mode & 0o077, 0);
    const first = await shown(port);
    await gateway.stop();
    const again = await startGateway(t, withTls('{ enabled: true }'), { folder: gateway.folder });
    assert.equal(authorityOf(again), ca);
    assert.equal(await shown(await again.port('web')), first);
  });

  test('changed files are taken up by every worker; wrong ones by none', async (t) => {
    const folder = temporaryFolder(t);
    const [one, other] = [selfSigned(folder, 'one.test'), selfSigned(folder, 'two.test')];
    const [cert, key] = [join(folder, 'used.crt'), join(folder, 'used.key')];
    copyFileSync(one.cert, cert);
    copyFileSync(one.key, key);
    const tls = `{ enabled: true, cert_file: ${cert}, key_file: ${key} }`;
    const gateway = await startGateway(t, withTls(tls), { folder, args: ['--workers', '3'] });
    const port = await gateway.port('web');
    assert.equal(await shown(port), fingerprintOf(one.cert));
    // Half of the change is a wrong pair.
    copyFileSync(other.cert, cert);
    await eventually('the refusal', async () =>
      (await gateway.status()).reloads.some(({ problems }) =>
        problems.some((problem) => /tls\.key_file: .* is not the key of the cert/.test(problem)),
      ),
    );
    for (let i = 0; i < 12; i++) assert.equal(await shown(port), fingerprintOf(one.cert));
    copyFileSync(other.key, key);
    await eventually(
      'the change',
      async () => (await gateway.status()).reloads.at(-1)?.result === 'done',
    );
    for (let i = 0; i < 12; i++) assert.equal(await shown(port), fingerprintOf(other.cert));
    assert.doesNotMatch(gateway.output, /PRIVATE KEY/);
  });

  test('a generated certificate is renewed before it expires, without a restart', async (t) => {
    const gateway = await startGateway(t, withTls('{ enabled: true }'));
    const port = await gateway.port('web');
    const certs = join(gateway.folder, 'data', 'certs');
    const authority = await LocalAuthority.open(certs);
    const naming = { host: '127.0.0.1', publish: null, defaultDomain: null };
    const names = hostNamesOf(naming, thisMachine());
    let expiring = '';
    let renewAt = 0;
    // On a slow machine the reload takes so long that a short life is due before it is over.
    for (let life = 15_000; (await shown(port)) !== expiring; life *= 3) {
      rmSync(join(certs, fileNameFor('web')));
      const short = await authority.pairFor('web', names, Date.now(), life);
      expiring = new X509Certificate(short.cert).fingerprint256;
      renewAt = short.renewAt;
      assert.equal((await gateway.reload()).status, 200);
    }
    await eventually('the renewal', async () =>
      (await gateway.status()).reloads.some(
        ({ trigger, startedAt, result }) =>
          trigger === 'renewal' && Date.parse(startedAt) >= renewAt && result === 'done',
      ),
    );
    assert.equal((await gateway.status()).pid, gateway.pid);
    for (let i = 0; i < 8; i++) assert.notEqual(await shown(port), expiring);
    const kept = readFileSync(join(certs, fileNameFor('web')), 'utf8');
    assert.equal(await shown(port), new X509Certificate(kept).fingerprint256);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`100 of 100 ${maxVersion} sessions resume after a reload`, async (t) => {
      const gateway = await startGateway(t, withTls('{ enabled: true }'));
      const port = await gateway.port('web');
      const sessions: Buffer[] = [];
      for (let i = 0; i < 100; i++) {
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion });
        const [session] = (await once(socket, 'session')) as [Buffer];
        sessions.push(session);
        socket.destroy();
      }
      assert.equal((await gateway.reload()).status, 200);
      let resumed = 0;
      for (const session of sessions) {
        const socket = await handshake(port, { maxVersion, session });
        if (socket.isSessionReused()) resumed++;
        socket.destroy();
      }
      assert.equal(resumed, 100);
    });
  }

  test('sessions outlive their key, over all workers and an upgrade', async (t) => {
    // What comes every two hours comes when the test says so.
    const onSignal = `const real = setInterval; globalThis.setInterval = (act, ms, ...more) =>
      ms === 7_200_000 ? (process.on('SIGWINCH', act), { unref() {} }) : real(act, ms, ...more);`;
    const preload = `data:text/javascript,${encodeURIComponent(onSignal)}`;
    const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${preload}` };
    // It ends before its folder does.
    let successor: number | null = null;
    t.after(async () => {
      if (successor === null) return;
      const pid = successor;
      process.kill(pid, 'SIGTERM');
      await eventually('its end', () => !isAlive(pid));
    });
    const gateway = await startGateway(t, withTls('{ enabled: true }'), { env });
    const port = await gateway.port('web');
    const issue = async (maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion });
      const [session] = (await once(socket, 'session')) as [Buffer];
      socket.destroy();
      return session;
    };
    /** A ticket begins with the name of its key. */
    const keyName = async (): Promise<string> => {
      const socket = await handshake(port, { maxVersion: 'TLSv1.2' });
      const ticket = socket.getTLSTicket();
      socket.destroy();
      return ticket?.subarray(0, 16).toString('hex') ?? '';
    };
    const versions = ['TLSv1.2', 'TLSv1.3'] as const;
    const sessions: { maxVersion: (typeof versions)[number]; session: Buffer }[] = [];
    for (let i = 0; i < 20; i++) {
      for (const maxVersion of versions) {
        // oxlint-disable-next-line no-await-in-loop
        sessions.push({ maxVersion, session: await issue(maxVersion) });
      }
    }
    const resumed = async (): Promise<number> => {
      let count = 0;
      for (const options of sessions) {
        // oxlint-disable-next-line no-await-in-loop
        const socket = await handshake(port, options);
        if (socket.isSessionReused()) count++;
        socket.destroy();
      }
      return count;
    };
    const before = await keyName();
    process.kill(gateway.pid, 'SIGWINCH');
    await eventually('another key in every worker', async () => {
      const names = await Promise.all(Array.from({ length: 12 }, keyName));
      return !names.includes(before) && new Set(names).size === 1;
    });
    assert.equal(await resumed(), sessions.length);
    assert.equal((await requestControl(gateway.socket, 'POST', '/upgrade')).status, 200);
    const { pid } = await gateway.status();
    assert.notEqual(pid, gateway.pid);
    successor = pid;
    assert.equal(await resumed(), sessions.length);
    const after = await keyName();
    process.kill(pid, 'SIGWINCH');
    await eventually('yet another key', async () => {
      const names = await Promise.all(Array.from({ length: 12 }, keyName));
      return !names.includes(after) && new Set(names).size === 1;
    });
    assert.equal(await resumed(), 0);
  });

  test('a client certificate is asked for, and openssl agrees', async (t) => {
    const folder = temporaryFolder(t);
    const ca = selfSigned(folder, 'clients.test');
    const gateway = await startGateway(t, withTls(`{ enabled: true, ca_file: ${ca.cert} }`));
    const port = await gateway.port('web');
    const said = execFileSync(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${port}`, '-cert', ca.cert, '-key', ca.key, '-quiet'],
      { input: 'GET / HTTP/1.0\r\n\r\n', encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] },
    );
    assert.match(said, /^HTTP\/1\.1 200 OK/);
    await assert.rejects(ask(port, authorityOf(gateway)));
  });
});
