import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { collect } from '../../../src/http/body/body.ts';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerPath, startEntry } from '../../support/entry.ts';
import { answerOf, askHttp2 } from '../../support/http2-client.ts';
import { withTls } from '../../support/tls.ts';
import { eventually } from '../../support/eventually.ts';

const run = promisify(execFile);
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** SETTINGS, and GET / of http://a. */
const request = '\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a';

async function length({ request: { body }, response, client }: RequestContext): Promise<void> {
  const bytes = await collect(body, 16 << 20);
  response.status = 200;
  response.body = Buffer.from(`${bytes.length} ${client.tls}`);
}

suite('HTTP/2 by prior knowledge on a plain entry', { timeout: 60_000 }, () => {
  test('node:http2 and curl are served, HTTP/1.1 beside them', async (t) => {
    const { port, entry } = await startEntry(t, length);
    const client = http2.connect(`http://127.0.0.1:${port}`);
    t.after(() => client.destroy());
    const stream = client.request({ ':method': 'POST' });
    stream.end(Buffer.alloc(3 << 20));
    assert.equal((await answerOf(stream)).body, `${3 << 20} false`);
    assert.equal((await askHttp2(client)).status, 200);
    const url = `http://127.0.0.1:${port}/`;
    const { stdout } = await run('curl', ['-s', '--http2-prior-knowledge', '-d', 'abc', url]);
    assert.equal(stdout, '3 false');
    const old = await run('curl', ['-s', '--http1.1', '-d', 'abc', url]);
    assert.equal(old.stdout, '3 false');
    assert.equal(entry.inspect().total, 4);
  });

  test('however the first bytes come', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const bytes = preface + request;
    const cuts = [1, 4, 13, 14, 15, 18, 23, 24, 25, 40];
    for (const [served, cut] of cuts.entries()) {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      t.after(() => socket.destroy());
      let received = '';
      socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      // oxlint-disable-next-line no-await-in-loop -- one cut after the other
      await once(socket, 'connect');
      socket.write(bytes.slice(0, cut), 'latin1');
      // oxlint-disable-next-line no-await-in-loop
      await sleep(20);
      socket.write(bytes.slice(cut), 'latin1');
      // oxlint-disable-next-line no-await-in-loop
      await eventually(`the request, cut at ${cut}`, () => entry.inspect().total === served + 1);
      // oxlint-disable-next-line no-await-in-loop
      await eventually('the answer', () => received.includes('\x88'));
      assert.doesNotMatch(received, /HTTP\/1/);
    }
  });

  test('nothing else passes for it', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    for (const text of [
      'PRI * HTTP/2.0\r\nHost: a\r\n\r\n',
      'PRI * HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\n\r\n${preface}${request}`,
    ]) {
      const socket = connect(port, '127.0.0.1');
      t.after(() => socket.destroy());
      let received = '';
      socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      socket.write(text, 'latin1');
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await once(socket, 'end');
      // An error of HTTP/1.1, or GOAWAY with PROTOCOL_ERROR.
      const isRefused = received.includes('HTTP/1.1 400') || received.endsWith('\0\0\0\x01');
      assert.ok(isRefused, JSON.stringify(received));
    }
    assert.equal(entry.inspect().total, 1);
  });

  test('over TLS a client has to ask for it', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config: withTls() });
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    t.after(() => socket.destroy());
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.write(preface + request, 'latin1');
    await once(socket, 'end');
    assert.match(received, /^HTTP\/1\.1 400 /);
    assert.equal(entry.inspect().total, 0);
  });
});
