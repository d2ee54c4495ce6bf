import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { suite, test } from 'node:test';
import type { EntryConfig, GatewayConfig } from '../../../src/config/types.ts';
import { addressOf, Listeners, socketsOf } from '../../../src/primary/sockets/listeners.ts';
import { ask, entry, launch, start } from '../../support/primary-gateway.ts';
import { eventually } from '../../support/eventually.ts';

function config(...entries: EntryConfig[]): GatewayConfig {
  return { entry: entries } as unknown as GatewayConfig;
}

function listening(t: { after(undo: () => void): void }): Listeners {
  const listeners = new Listeners();
  t.after(() => listeners.close());
  return listeners;
}

suite('the plan', () => {
  test('gives each slot its socket, and a slot that is gone to another', async (t) => {
    const listeners = listening(t);
    const three = await listeners.plan(config(entry('a')), 3);
    listeners.commit(three);
    const ids = [0, 1, 2].map((slot) => socketsOf(three, slot).map(({ socket }) => socket.id));
    for (const one of ids) assert.equal(one.length, 1);
    const two = await listeners.plan(config(entry('a')), 2);
    listeners.commit(two);
    assert.deepEqual(two.added, []);
    const [first, second] = [0, 1].map((slot) =>
      socketsOf(two, slot).map(({ socket }) => socket.id),
    );
    assert.deepEqual(first, [...(ids[0] ?? []), ...(ids[2] ?? [])]);
    assert.deepEqual(second, ids[1]);
    const four = await listeners.plan(config(entry('a')), 4);
    listeners.commit(four);
    assert.equal(four.added.length, 1);
  });

  test('gives a worker several handles of a socket of its own, one of a shared one', async (t) => {
    const handles = async (workers: number, reuse_port: boolean): Promise<number[]> => {
      const listeners = listening(t);
      const plan = await listeners.plan(config(entry('a', { reuse_port })), workers);
      listeners.commit(plan);
      return socketsOf(plan, 0).map((assigned) => assigned.handles);
    };
    const own = await handles(2, true);
    assert.ok(own[0] !== undefined && own[0] > 1, `${own.join()} handles`);
    assert.deepEqual(await handles(1, false), own);
    assert.deepEqual(await handles(2, false), [1]);
  });

  test('gives a worker fewer handles of each socket when there are many entries', async (t) => {
    const listeners = listening(t);
    const many = Array.from({ length: 100 }, (_, index) => entry(`e${index}`));
    const plan = await listeners.plan(config(...many), 2);
    listeners.commit(plan);
    const handles = socketsOf(plan, 0).reduce((sum, assigned) => sum + assigned.handles, 0);
    assert.ok(handles >= 100 && handles <= 256, `${handles} handles`);
  });

  test('shares one socket without reuse_port', async (t) => {
    const listeners = listening(t);
    const plan = await listeners.plan(config(entry('a', { reuse_port: false })), 3);
    listeners.commit(plan);
    const ids = [0, 1, 2].flatMap((slot) => socketsOf(plan, slot).map(({ socket }) => socket.id));
    assert.equal(new Set(ids).size, 1);
  });

  test('keeps port 0 where it is, entry by entry', async (t) => {
    const listeners = listening(t);
    const first = await listeners.plan(config(entry('a'), entry('b')), 1);
    listeners.commit(first);
    assert.notEqual(addressOf(first, 'a'), addressOf(first, 'b'));
    const second = await listeners.plan(config(entry('b'), entry('a')), 1);
    listeners.commit(second);
    assert.equal(addressOf(second, 'a'), addressOf(first, 'a'));
    assert.equal(addressOf(second, 'b'), addressOf(first, 'b'));
  });

  test('leaves reuse_port of an open socket to the next restart, and says so', async (t) => {
    const listeners = listening(t);
    const first = await listeners.plan(config(entry('a')), 2);
    listeners.commit(first);
    const second = await listeners.plan(config(entry('a', { reuse_port: false })), 2);
    listeners.commit(second);
    assert.deepEqual(second.added, []);
    assert.match(second.warnings.join(), /entry a: reuse_port .* next restart/);
  });

  test('resolves a host name', async (t) => {
    const listeners = listening(t);
    const plan = await listeners.plan(config(entry('a', { host: 'localhost' })), 1);
    listeners.commit(plan);
    assert.match(addressOf(plan, 'a') ?? '', /^(127\.0\.0\.1|\[::1\]):\d+$/);
  });

  test('says what is wrong with an address', async (t) => {
    const listeners = listening(t);
    const refused = (network: Parameters<typeof entry>[1]): Promise<unknown> =>
      listeners.plan(config(entry('a', network)), 1);
    await assert.rejects(refused({ host: '192.0.2.1' }), {
      code: 'BIND_FAILED',
      message: 'entry a cannot listen on 192.0.2.1:0: this machine has no such address',
    });
    await assert.rejects(refused({ host: 'nowhere.invalid' }), { code: 'BIND_FAILED' });
  });

  test('binds a link-local address by its zone', async (t) => {
    const found = Object.entries(networkInterfaces())
      .flatMap(([zone, addresses]) => (addresses ?? []).map(({ address }) => ({ zone, address })))
      .find(({ address }) => address.startsWith('fe80:'));
    if (!found) return t.skip('this machine has no link-local address');
    const host = `${found.address}%${found.zone}`;
    const listeners = listening(t);
    const plan = await listeners.plan(config(entry('a', { host, reuse_port: false })), 1);
    listeners.commit(plan);
    assert.ok(addressOf(plan, 'a')?.startsWith(`[${host}]:`));
  });

  test('moving onto an overlapping address of its own is said to take a restart', async (t) => {
    const listeners = listening(t);
    const plan = await listeners.plan(config(entry('a', { reuse_port: false })), 1);
    listeners.commit(plan);
    const port = Number(addressOf(plan, 'a')?.split(':')[1]);
    const wildcard = entry('a', { host: '0.0.0.0', port, reuse_port: false });
    await assert.rejects(listeners.plan(config(wildcard), 1), /this gateway itself listens on/);
  });
});

/** A program that is not ours, on a port of its own. */
async function foreign(t: { after(undo: () => void): void }): Promise<number> {
  const server = createServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

for (const reuse_port of [true, false]) {
  test(`a port that another program has is refused (reuse_port ${reuse_port})`, async (t) => {
    const port = await foreign(t);
    const gateway = launch(t, { entry: [entry('a', { port, reuse_port })] });
    assert.equal((await gateway.exit()).code, 1);
    const said = `BIND_FAILED: entry a cannot listen on 127.0.0.1:${port}: the address is in use`;
    assert.ok(gateway.output.includes(said), gateway.output);
  });
}

for (const [first, second, shared] of [
  [true, true, true],
  [true, false, false],
  [false, true, false],
  [false, false, false],
] as const) {
  test(`two gateways, reuse_port ${first} and ${second}`, async (t) => {
    const one = await start(t, { entry: [entry('a', { reuse_port: first })] });
    const port = await one.port('a');
    const two = launch(t, { entry: [entry('a', { port, reuse_port: second })] });
    if (shared) {
      await two.ready();
      const answered = new Set<number>();
      const own = (await two.status()).workers.map(({ pid }) => pid);
      await eventually('an answer of the second gateway', async () => {
        answered.add((await ask(port)).pid);
        return own.some((pid) => answered.has(pid));
      });
    } else {
      assert.equal((await two.exit()).code, 1);
      assert.match(two.output, /BIND_FAILED: .*in use/);
    }
    assert.equal((await ask(port)).status, 200);
  });
}

test('skip_occupied_port takes the next free port, says so, and keeps it', async (t) => {
  const port = await foreign(t);
  const a = entry('a', { port, reuse_port: false, skip_occupied_port: true });
  const gateway = await start(t, { entry: [a] });
  const actual = await gateway.port('a');
  assert.ok(actual > port, `${actual} follows ${port}`);
  const { entries } = await gateway.status();
  assert.equal(entries[0]?.configured, `127.0.0.1:${port}`);
  assert.ok(gateway.output.includes(`${port} is occupied`));
  assert.equal((await gateway.reload()).status, 200);
  assert.equal(await gateway.port('a'), actual);
  assert.equal((await ask(actual)).status, 200);
});

test('gateways that skip occupied ports and start at once get different ones', async (t) => {
  const port = await foreign(t);
  const a = entry('a', { port, reuse_port: false, skip_occupied_port: true });
  const gateways = [1, 2].map(() => launch(t, { entry: [a] }, { workers: 1 }));
  await Promise.all(gateways.map((gateway) => gateway.ready()));
  const [one, two] = await Promise.all(gateways.map((gateway) => gateway.port('a')));
  assert.notEqual(one, two);
});

test('a dual-stack wildcard takes both kinds of connections', async (t) => {
  const gateway = await start(t, { entry: [entry('a', { host: '::' })] }, { workers: 1 });
  const port = await gateway.port('a');
  assert.equal((await ask(port)).status, 200);
  assert.equal((await ask(port, { host: '::1' })).status, 200);
});
