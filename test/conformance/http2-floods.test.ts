/** HTTP/2 clients that cost little themselves and would have a server spend much. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway, type TestGateway } from '../support/gateway.ts';
import {
  block,
  type Field,
  flags,
  frame,
  frameTypes,
  RawHttp2,
  uint32,
} from '../support/raw-http2.ts';
import { eventually } from '../support/eventually.ts';

const { HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } = frameTypes;
const get: Field[] = [
  [':method', 'GET'],
  [':path', '/'],
  [':scheme', 'https'],
  [':authority', 'gate.test'],
];
const request = (stream: number, fields: readonly Field[] = get): Buffer =>
  frame(HEADERS, flags.endHeaders | flags.endStream, stream, block(fields));

/** What an attack may add to the one worker's memory, bytes. */
const room = 128 << 20;

async function start(t: TestContext, limits = '') {
  let requests = 0;
  const backend = await startBackend(t, (_request, response) => {
    requests++;
    response.end(Buffer.alloc(4 << 20));
  });
  const gateway = await startGateway(
    t,
    `configs.auto_reload: false
entry: [{ name: web, network: { binding: "127.0.0.1:0" }, tls: { enabled: true }${limits} }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "${new URL(backend.origin).host}" } }] }]
`,
    { args: ['--workers', '1'] },
  );
  const client = await RawHttp2.connect(t, await gateway.port('web'));
  return { gateway, client, requests: () => requests };
}

async function memoryOf(gateway: TestGateway): Promise<number> {
  return (await gateway.status()).workers[0]?.memory ?? Number.NaN;
}

/** Sends so many, at the pace of the other side, or until that ends the connection; then waits for it. */
async function flood(client: RawHttp2, count: number, next: (i: number) => Buffer): Promise<void> {
  for (let i = 0; i < count && !client.closed; i++) {
    if (client.send(next(i))) continue;
    // oxlint-disable-next-line no-await-in-loop -- the other side sets the pace
    await eventually('room', () => client.closed || !client.socket.writableNeedDrain);
  }
  await eventually('the end of the connection', () => client.closed);
}

/** Whether a request was refused, by an error, a reset or the end of the connection. */
async function isRefused(client: RawHttp2, stream: number): Promise<boolean> {
  const find = () =>
    client.frames.find((one) => {
      const isOfStream = one.stream === stream && (one.type === HEADERS || one.type === RST_STREAM);
      return isOfStream || one.type === GOAWAY;
    });
  await eventually('a refusal', () => find() !== undefined || client.closed);
  const found = find();
  // `:status: 200` is one byte of HPACK's static table.
  return found !== undefined && (found.type !== HEADERS || found.payload[0] !== 0x88);
}

/** When all is over for the attacker, whose end nothing has to wait for. */
async function servesOthers(gateway: TestGateway, attacker: RawHttp2): Promise<void> {
  attacker.socket.destroy();
  const origin = await gateway.origin('web', 'https');
  assert.equal((await ask(origin)).status, 200);
}

suite('floods over HTTP/2', () => {
  test('requests that are cancelled at once (CVE-2023-44487)', async (t) => {
    const { gateway, client, requests } = await start(t);
    await flood(client, 20_000, (i) =>
      Buffer.concat([request(2 * i + 1), frame(RST_STREAM, 0, 2 * i + 1, uint32(8))]),
    );
    assert.ok(await client.next(GOAWAY));
    assert.ok(requests() < 2_000, `${requests()}`);
    await servesOthers(gateway, client);
  });

  test('a head that goes on and on', async (t) => {
    const { gateway, client } = await start(t);
    const before = await memoryOf(gateway);
    client.send(frame(HEADERS, flags.endStream, 1, block(get)));
    const piece = block([['x-a', 'b'.repeat(16_000)]]);
    await flood(client, 20_000, () => frame(CONTINUATION, 0, 1, piece));
    assert.ok((await memoryOf(gateway)) - before < room);
    await servesOthers(gateway, client);
  });

  test('a head without a byte in its frames', async (t) => {
    const { gateway, client } = await start(t);
    client.send(frame(HEADERS, flags.endStream, 1, block(get)));
    await flood(client, 100_000, () => frame(CONTINUATION, 0, 1));
    await servesOthers(gateway, client);
  });

  test('a small head that unpacks to a large one', async (t) => {
    const { gateway, client } = await start(t);
    const before = await memoryOf(gateway);
    client.send(request(1));
    await client.next(HEADERS, 1);
    // Once in the table, four kilobytes are named by one byte.
    const large: Field = ['x-a', 'b'.repeat(3_900)];
    const bomb = Buffer.concat([
      block(get),
      block([large], true),
      Buffer.alloc(16_000 - 4_096, 0xbe),
    ]);
    for (let stream = 3; stream < 200 && !client.closed; stream += 2) {
      client.send(frame(HEADERS, flags.endHeaders | flags.endStream, stream, bomb));
    }
    assert.ok(await isRefused(client, 3));
    assert.ok((await memoryOf(gateway)) - before < room);
    await servesOthers(gateway, client);
  });

  test('a cookie in thousands of crumbs', async (t) => {
    const { gateway, client, requests } = await start(t);
    const crumbs = Array.from({ length: 5_000 }, (): Field => ['cookie', '']);
    const parts = block([...get, ...crumbs]);
    client.send(frame(HEADERS, flags.endStream, 1, parts.subarray(0, 16_000)));
    for (let at = 16_000; at < parts.length; at += 16_000) {
      const last = at + 16_000 >= parts.length;
      client.send(
        frame(CONTINUATION, last ? flags.endHeaders : 0, 1, parts.subarray(at, at + 16_000)),
      );
    }
    assert.ok(await isRefused(client, 1));
    assert.equal(requests(), 0);
    await servesOthers(gateway, client);
  });

  for (const [name, type, payload] of [
    ['settings', SETTINGS, Buffer.alloc(0)],
    ['pings', PING, Buffer.alloc(8)],
  ] as const) {
    test(`${name} whose answers nobody reads`, async (t) => {
      const { gateway, client } = await start(t);
      const before = await memoryOf(gateway);
      client.socket.pause();
      const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(type, 0, 0, payload)));
      // It either hangs up, or takes no more.
      let taken = true;
      for (let i = 0; i < 1_000 && taken && !client.closed; i++) {
        client.send(many);
        // oxlint-disable-next-line no-await-in-loop
        taken = await Promise.race([
          new Promise<boolean>((resolve) => client.socket.write('', () => resolve(true))),
          sleep(3_000, false),
        ]);
      }
      assert.ok(!taken || client.closed);
      assert.ok((await memoryOf(gateway)) - before < room);
      await servesOthers(gateway, client);
    });
  }

  test('many responses to a client that opens no window, or one of single bytes', async (t) => {
    const { gateway, client } = await start(t, ', write_timeout: 2s');
    const before = await memoryOf(gateway);
    // SETTINGS_INITIAL_WINDOW_SIZE.
    client.send(frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    for (let stream = 1; stream < 400; stream += 2) client.send(request(stream));
    for (let i = 0; i < 20 && !client.closed; i++) {
      client.send(frame(WINDOW_UPDATE, 0, 1, uint32(1)));
      // oxlint-disable-next-line no-await-in-loop
      await sleep(50);
    }
    // Of 200 requests for 4 MB each.
    assert.ok((await memoryOf(gateway)) - before < room);
    await eventually('the end of the connection', () => client.closed);
    await servesOthers(gateway, client);
  });

  test('more requests at one time than are allowed are put off, not taken', async (t) => {
    const { gateway, client, requests } = await start(t);
    client.send(frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    for (let stream = 1; stream < 2 * 1_000; stream += 2) client.send(request(stream));
    await eventually('a refusal', () => {
      return client.frames.some(({ type }) => type === RST_STREAM || type === GOAWAY);
    });
    assert.ok(requests() <= 128, `${requests()}`);
    await servesOthers(gateway, client);
  });
});
