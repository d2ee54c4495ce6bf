/**
 * What the gateway relies on inside Node.js and V8, one test for each file of `src/runtime` that does. A
 * release of Node.js that changes one of them fails the test of that name; what happens then stands in
 * the file.
 */
import assert from 'node:assert/strict';
import { execFileSync, fork, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { suite, test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import tls, { type TLSSocket } from 'node:tls';
import { workerOptions } from '../../src/primary/workers/node-options.ts';
import { countBodyBytes } from '../../src/runtime/external-memory.ts';
import {
  setInheritedOptions,
  stopListening,
  takeConnections,
} from '../../src/runtime/sockets/accepting.ts';
import {
  directHandle,
  takesDirectWrites,
  whenWritten,
  writesDirectly,
} from '../../src/runtime/sockets/direct-write.ts';
import {
  adoptsHandles,
  handleOf,
  handleOfBound,
  type SocketHandle,
  socketOptions,
} from '../../src/runtime/sockets/handles.ts';
import { acceptNoMore } from '../../src/runtime/sockets/http-server.ts';
import { readInto } from '../../src/runtime/sockets/kept-buffer.ts';
import { onWriteFailure } from '../../src/runtime/sockets/write-failure.ts';
import { StreamQueue, writeQueueOf } from '../../src/runtime/sockets/write-queue.ts';
import { onTicketKey } from '../../src/runtime/tls/ticket-callback.ts';
import { transportOf } from '../../src/runtime/tls/transport.ts';
import { selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const runtime = new URL('../../src/runtime/', import.meta.url).href;
/** More than the buffers of any system take. */
const plentyBytes = 64 << 20;

async function listening(t: TestContext): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

function portOf(server: { address(): ReturnType<net.Server['address']> }): number {
  return (server.address() as AddressInfo).port;
}

function connected(t: TestContext, port: number, options: object = {}): Socket {
  const socket = net.connect({ port, host: '127.0.0.1', ...options });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** Both ends of a connection. */
async function pair(t: TestContext, options: object = {}): Promise<[near: Socket, far: Socket]> {
  const server = await listening(t);
  const near = connected(t, portOf(server), options);
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  t.after(() => (far as Socket).destroy());
  (far as Socket).on('error', () => {});
  return [near, far as Socket];
}

suite('the insides of Node.js: sockets', { timeout: 60_000 }, () => {
  test('accepting: a listening handle gives connections to whoever sets onconnection', async (t) => {
    const server = await listening(t);
    server.on('connection', () => assert.fail('the server has made a socket'));
    const { promise, resolve } = Promise.withResolvers<SocketHandle>();
    let failed = 0;
    const taker = { accepted: resolve, failed: () => failed++ };
    assert.equal(takeConnections(server, taker), true);
    const near = connected(t, portOf(server));
    const far = new net.Socket(socketOptions(await promise, { allowHalfOpen: true }));
    t.after(() => far.destroy());
    near.write('asked');
    assert.equal(`${(await once(far, 'data'))[0]}`, 'asked');
    far.end('answered');
    assert.equal(`${(await once(near, 'data'))[0]}`, 'answered');
    // EMFILE, as libuv gives it.
    (handleOf(server) as unknown as { onconnection(error: number): void }).onconnection(-24);
    assert.equal(failed, 1);
  });

  test('accepting: connections have the options of the listening handle', async (t) => {
    const server = await listening(t);
    assert.equal(setInheritedOptions(server, 60_000), process.platform === 'linux');
    if (process.platform !== 'linux') return;
    const near = connected(t, portOf(server));
    const [far] = (await once(server, 'connection')) as [Socket];
    t.after(() => far.destroy());
    await nextTurn();
    const port = (far.localPort ?? 0).toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map((each) => each.trim().split(/ +/))
      // The accepted end, which is connected.
      .find(([, local = '', , state]) => local === `0100007F:${port}` && state === '01');
    // The column of the timer: 02 is that of keep-alive.
    assert.equal(line?.[5]?.slice(0, 3), '02:', line?.join(' ') ?? 'no such connection');
    near.destroy();
  });

  test('accepting: a listening handle closes at once', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = portOf(server);
    stopListening([server]);
    const [error] = (await once(net.connect(port, '127.0.0.1'), 'error')) as [
      NodeJS.ErrnoException,
    ];
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(server.listening, false);
  });

  test('handles: a socket takes the handle that it is given', () => {
    assert.equal(adoptsHandles(), true);
  });

  test('handles: that of a bound socket can be sent to a process, which listens on it', async (t) => {
    const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
    const { port } = bound.address();
    const handle = handleOfBound(bound);
    const file = join(temporaryFolder(t), 'child.cjs');
    writeFileSync(
      file,
      `process.on('message', (_, handle) => {
        require('net').createServer((socket) => socket.end('from the child'))
          .listen(handle, () => process.send('listens'));
      });`,
    );
    const child = fork(file);
    t.after(() => child.kill('SIGKILL'));
    child.send('handle', handle as never);
    await once(child, 'message');
    const near = connected(t, port);
    assert.equal(`${(await once(near, 'data'))[0]}`, 'from the child');
    handle.close();
  });

  test('kept-buffer: a socket reads on into a buffer that is not named again', async (t) => {
    const [first, second] = [Buffer.alloc(16), Buffer.alloc(16)];
    let next = first;
    const taken: [Buffer, string][] = [];
    const onread = readInto(
      () => next,
      (buffer, count) => taken.push([buffer, buffer.toString('latin1', 0, count)]) > 0,
    );
    const [near, far] = await pair(t, { onread });
    for (const text of ['one', 'two', 'three', 'four']) {
      // The buffer for a read is asked for when the one before has come.
      if (text === 'three') next = second;
      const count = taken.length;
      far.write(text);
      // oxlint-disable-next-line no-await-in-loop -- each is a read by itself
      while (taken.length === count) await nextTurn();
    }
    assert.deepEqual(
      taken.map(([buffer, text]) => [buffer === first ? 'first' : 'second', text]),
      [
        ['first', 'one'],
        ['first', 'two'],
        ['first', 'three'],
        ['second', 'four'],
      ],
    );
    near.destroy();
  });

  test('direct-write: a handle tries to write, and gives an object for what waits', async (t) => {
    const [major = 0] = process.versions.node.split('.').map(Number);
    const [near, far] = await pair(t);
    // Node.js 24 makes the object first: there the stream is written to.
    if (major < 26) return;
    assert.equal(writesDirectly, true);
    assert.equal(takesDirectWrites(near), true);
    const handle = directHandle(near);
    assert.ok(handle !== null);
    assert.equal(handle.writeLatin1String(null, 'caf\xe9'), 0);
    assert.deepEqual((await once(far, 'data'))[0], Buffer.from('caf\xe9', 'latin1'));
    far.pause();
    const write = handle.writeLatin1String(null, 'x'.repeat(plentyBytes));
    assert.ok(typeof write === 'object');
    const { promise, resolve } = Promise.withResolvers<number>();
    whenWritten(write, handle, { ended: resolve });
    far.resume();
    assert.equal(await promise, 0);
    near.destroy();
    assert.equal(directHandle(near), null);
  });

  test('write-queue: a handle counts the bytes that the system has not taken', async (t) => {
    const [near, far] = await pair(t);
    far.pause();
    const queue = writeQueueOf(near);
    assert.ok(queue !== null && !(queue instanceof StreamQueue));
    near.write(Buffer.alloc(plentyBytes));
    assert.equal(queue.bytesWritten, plentyBytes);
    assert.ok(queue.writeQueueSize > 0 && queue.writeQueueSize < plentyBytes);
    assert.ok(queue.fd >= 0);
    const whole = new StreamQueue(near);
    assert.equal(whole.bytesWritten, plentyBytes);
    assert.equal(whole.writeQueueSize, plentyBytes);
    far.resume();
    await once(near, 'drain');
    assert.deepEqual([queue.writeQueueSize, whole.writeQueueSize], [0, 0]);
    assert.equal(writeQueueOf(duplexPair()[0]), null);
  });

  test('write-failure: a socket that cannot be written to can still be read', async (t) => {
    const [near, far] = await pair(t);
    const failures: string[] = [];
    onWriteFailure(near, ({ message }) => failures.push(message) > 0);
    // EPIPE, whatever is written by.
    const failing = handleOf(near) as unknown as Record<string, unknown>;
    for (const name of ['writeBuffer', 'writeLatin1String', 'writeUtf8String']) {
      failing[name] = () => -32;
    }
    const heard = once(near, 'data');
    near.write('asked');
    await nextTurn();
    far.write('the last word');
    assert.equal(`${(await heard)[0]}`, 'the last word');
    assert.deepEqual(failures, ['write EPIPE']);
  });

  test('http-server: a server that accepts no more answers what has come', async (t) => {
    const server = http.createServer((_request, response) => response.end('answered'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const near = connected(t, portOf(server));
    await once(server, 'connection');
    // Between the client's request and the server's look at it.
    near.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const closed = acceptNoMore(server);
    let answer = '';
    for await (const chunk of near) answer += `${chunk}`;
    assert.match(answer, /^HTTP\/1\.1 200 [^]*answered$/);
    await closed;
    server.close();
  });
});

suite('the insides of Node.js: TLS', { timeout: 60_000 }, () => {
  async function handshake(
    t: TestContext,
    server: tls.Server,
    options: tls.ConnectionOptions,
  ): Promise<{ client: TLSSocket; secured: TLSSocket }> {
    const client = tls.connect({ rejectUnauthorized: false, ...options });
    t.after(() => client.destroy());
    const [[secured]] = await Promise.all([
      once(server, 'secureConnection'),
      once(client, 'secureConnect'),
    ]);
    return { client, secured: secured as TLSSocket };
  }

  function tlsServer(t: TestContext): tls.Server {
    const { cert, key } = selfSigned(temporaryFolder(t), 'localhost');
    return tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) });
  }

  test('transport: a TLS socket names what it was put on', async (t) => {
    const server = tlsServer(t);
    const [clientSide, serverSide] = duplexPair();
    const byStream = handshake(t, server, { socket: clientSide });
    server.emit('connection', serverSide);
    assert.equal(transportOf((await byStream).secured), serverSide);
    const [near, far] = await pair(t);
    const bySocket = handshake(t, server, { socket: near });
    server.emit('connection', far);
    const { secured } = await bySocket;
    assert.equal(transportOf(secured), far);
    Object.defineProperty(secured, '_parent', { value: undefined });
    assert.equal(transportOf(secured), far, 'by its handle');
  });

  test('ticket-callback: OpenSSL asks for the key of each ticket', async (t) => {
    const server = tlsServer(t);
    const [name, hmac, aes] = [randomBytes(16), randomBytes(16), randomBytes(16)];
    const asked: string[] = [];
    const isAsked = onTicketKey(server, [], (given, iv, issuing) => {
      asked.push(issuing ? 'issued' : given.equals(name) ? 'taken' : 'foreign');
      return [1, hmac, aes, name, issuing ? randomBytes(16) : iv];
    });
    assert.equal(isAsked, true);
    const connect = async (session?: Buffer): Promise<{ client: TLSSocket; ticket: Buffer }> => {
      const [clientSide, serverSide] = duplexPair();
      const shaken = handshake(t, server, {
        socket: clientSide,
        maxVersion: 'TLSv1.2',
        ...(session && { session }),
      });
      server.emit('connection', serverSide);
      const { client } = await shaken;
      return { client, ticket: client.getSession() as Buffer };
    };
    const { client, ticket } = await connect();
    assert.equal(client.isSessionReused(), false);
    assert.equal((await connect(ticket)).client.isSessionReused(), true);
    assert.deepEqual(asked.slice(0, 2), ['issued', 'taken']);
  });
});

suite('the insides of Node.js: processes', { timeout: 60_000 }, () => {
  test('orphaned-worker: a worker of node:cluster outlives its primary', (t) => {
    const file = join(temporaryFolder(t), 'primary.mjs');
    writeFileSync(
      file,
      `import cluster from 'node:cluster';
      import { writeSync } from 'node:fs';
      import { outlivePrimary } from '${runtime}processes/orphaned-worker.ts';
      if (cluster.isPrimary) {
        cluster.fork().on('online', () => process.kill(process.pid, 'SIGKILL'));
      } else {
        cluster.worker.on('disconnect', () => {
          outlivePrimary();
          setTimeout(() => {
            writeSync(1, 'alive');
            process.exit();
          }, 50);
        });
      }`,
    );
    // Its output ends when the worker has ended, too.
    const { stdout, signal } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    assert.equal(signal, 'SIGKILL');
    assert.equal(stdout, 'alive');
  });

  test('non-blocking: a pipe that is full does not block a process that writes to it', (t) => {
    const file = join(temporaryFolder(t), 'writer.mjs');
    writeFileSync(
      file,
      `import { writeSync } from 'node:fs';
      import { makeNonBlocking } from '${runtime}lines/non-blocking.ts';
      const handle = makeNonBlocking(1);
      const line = 'x'.repeat(4096);
      try {
        for (;;) writeSync(1, line);
      } catch ({ code }) {
        writeSync(2, code + ' ' + typeof handle.setBlocking);
        process.exit();
      }`,
    );
    const command = `{ ${process.execPath} ${file}; } | { sleep 1; cat >/dev/null; }`;
    const { stderr } = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 30_000 });
    assert.equal(stderr, 'EAGAIN function');
  });

  test('standard-streams: a reader that goes away does not end the process', (t) => {
    for (const name of ['stdout', 'stderr'] as const) {
      const property = Object.getOwnPropertyDescriptor(process, name) ?? {};
      assert.ok('get' in property, `${name} has a getter`);
    }
    const file = join(temporaryFolder(t), 'writer.mjs');
    writeFileSync(
      file,
      `import { ignoreStreamErrors } from '${runtime}processes/standard-streams.ts';
      ignoreStreamErrors();
      process.stdout.write('a line\\n');
      setTimeout(() => process.stdout.write('another\\n', () => process.exit(7)), 300);`,
    );
    const command = `{ ${process.execPath} ${file}; echo $? >&2; } | head -n 1`;
    const { stderr } = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 30_000 });
    assert.equal(stderr.trim(), '7');
  });

  test('node-options: Node.js takes the options of workers', () => {
    const options = workerOptions([], '');
    for (const name of ['--disable-sigusr1', '--no-async-context-frame', '--v8-pool-size=1']) {
      assert.ok(options.includes(name), `${name} in ${options.join(' ')}`);
    }
    const shown = execFileSync(process.execPath, [...options, '-p', '1'], { encoding: 'utf8' });
    assert.equal(shown, '1\n');
  });

  test('external-memory: V8 collects when it is asked to', async () => {
    const made = (): WeakRef<Buffer> => new WeakRef(Buffer.allocUnsafeSlow(1 << 20));
    const garbage = made();
    await nextTurn();
    // One of so many collections is a thorough one.
    for (let count = 0; count < 32; count++) countBodyBytes(4 << 20);
    await nextTurn();
    assert.equal(garbage.deref(), undefined);
  });
});
