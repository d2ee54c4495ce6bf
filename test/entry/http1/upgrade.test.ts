import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerPath, get, startEntry } from '../../support/entry.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

const fields = ['Connection: Upgrade', 'Upgrade: websocket'];

/** A flow whose upstream switches protocols and echoes. */
function switchProtocols(context: RequestContext): void {
  const { request, response } = context;
  if (request.upgrade === null) {
    answerPath(context);
    return;
  }
  const [near, far] = duplexPair();
  far.pipe(far);
  response.status = 101;
  response.headers.append('Connection', 'Upgrade');
  response.headers.append('Upgrade', request.upgrade);
  context.upgraded = { socket: near, head: Buffer.from('hello ') };
}

suite('an upgrade', () => {
  test('passes bytes both ways, those behind either head, too', async (t) => {
    const { port, entry } = await startEntry(t, switchProtocols);
    const client = await RawConnection.connect(t, port);
    client.send(`${get('/ws', ...fields)}early `);
    await client.until(
      /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello early $/,
    );
    client.send('late');
    await client.until(/hello early late$/);
    assert.equal(entry.holders()[0]?.doing, 'upgraded');
    assert.equal(entry.inspect().requests, 0);
    client.socket.end();
    await client.untilEnded();
    await eventually('close', () => entry.inspect().connections === 0);
  });

  test('that the flow does not take is an ordinary answer', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/ws', ...fields) + get('/behind'));
    await client.until(/^HTTP\/1\.1 200 (?:.*\r\n)*\r\n\/wsHTTP(?:.*\r\n)*\r\n\/behind$/);
    client.send(get('/next'));
    await client.until(/\/next$/);
    client.socket.end();
    await eventually('close', () => entry.inspect().connections === 0);
  });

  for (const [what, upgrade] of [
    ['to HTTP/2', ['Connection: Upgrade', 'Upgrade: h2c']],
    ['that Connection does not name', ['Connection: keep-alive', 'Upgrade: websocket']],
  ] as const) {
    test(`${what} is an ordinary request`, async (t) => {
      const { port } = await startEntry(t, switchProtocols);
      const client = await RawConnection.connect(t, port);
      client.send(get('/h2', ...upgrade) + get('/behind'));
      await client.until(/\/h2HTTP(?:.*\r\n)*\r\n\/behind$/);
    });
  }

  test('behind an unanswered request waits for its turn', async (t) => {
    const { port } = await startEntry(t, async (context) => {
      await Promise.resolve();
      switchProtocols(context);
    });
    const client = await RawConnection.connect(t, port);
    client.send(get('/a') + get('/ws', ...fields));
    await client.until(/\/aHTTP\/1\.1 101 (?:.*\r\n)*\r\nhello $/);
  });

  test('lives to drain.timeout', async (t) => {
    const { port, entry } = await startEntry(t, switchProtocols, {
      config: { drain: { idle: 50, timeout: 4000 } },
    });
    const client = await RawConnection.connect(t, port);
    client.send(get('/ws', ...fields));
    await client.until(/hello $/);
    const drained = entry.drain({ cause: 'stopping' });
    await sleep(300);
    client.send('still');
    await client.until(/still$/);
    assert.deepEqual(await drained, { answered: 0, quiet: 0, forced: 1 });
  });
});
