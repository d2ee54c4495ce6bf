/** Every way of changing a running gateway, while clients keep asking it. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { ask, PersistentClients } from '../support/clients.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

const greeting = (message: string): string => `
entry:
  - name: main
    router: main
    network: { binding: "127.0.0.1:0" }
    drain: { idle: 3s }
router:
  - name: main
    default_flow: hello
flow:
  - name: hello
    filter: [{ echo: { message: "${message}" } }]
`;

async function latest(gateway: TestGateway) {
  const { reloads } = await gateway.status();
  return reloads.at(-1) ?? assert.fail('no record');
}

suite('reload', () => {
  for (const [trigger, act] of Object.entries({
    signal: (gateway: TestGateway) => gateway.process.kill('SIGHUP'),
    control: async (gateway: TestGateway) => {
      assert.equal((await gateway.reload()).status, 200);
    },
    files: () => {},
  })) {
    test(`by ${trigger}, without a client noticing`, async (t) => {
      const auto = `configs.auto_reload: ${trigger === 'files'}\n`;
      const gateway = await startGateway(t, auto + greeting('before'));
      const origin = await gateway.origin('main');
      const clients = new PersistentClients(t, origin, 8, ({ status, body }) => {
        assert.equal(status, 200);
        assert.match(body, /^(before|after)$/);
      });
      await clients.more(50);
      gateway.write(auto + greeting('after'));
      await act(gateway);
      await eventually('the new configuration', async () => {
        const record = await latest(gateway);
        return record.generation === 2 && record.result === 'done';
      });
      assert.equal((await latest(gateway)).trigger, trigger);
      assert.equal((await ask(origin)).body, 'after');
      await clients.more(50);
      const { failures, answered } = await clients.stop();
      assert.deepEqual(failures, [], `of ${answered}`);
    });
  }

  test('an editor that renames a new file over the old one', async (t) => {
    const gateway = await startGateway(t, greeting('before'));
    const origin = await gateway.origin('main');
    gateway.write(greeting('before'));
    const swap = `${gateway.file}.tmp`;
    writeFileSync(swap, `path.data: ${gateway.folder}/data\n${greeting('after')}`);
    renameSync(swap, gateway.file);
    await eventually('the new answer', async () => (await ask(origin)).body === 'after');
  });

  test('a bad configuration is refused with its place, and nothing changes', async (t) => {
    const gateway = await startGateway(t, `configs.auto_reload: false\n${greeting('before')}`);
    const before = await gateway.status();
    gateway.write(
      `configs.auto_reload: false\n${greeting('x').replace('default_flow: hello', 'default_flow: hallo')}`,
    );
    const { status, body } = await gateway.reload();
    assert.equal(status, 409);
    assert.match(JSON.stringify(body), /evergate\.yml:\d+:\d+: router\[0\]\.default_flow/);
    const after = await gateway.status();
    assert.deepEqual(
      after.workers.map(({ pid }) => pid),
      before.workers.map(({ pid }) => pid),
    );
    assert.equal(after.generation, before.generation);
    assert.equal((await ask(await gateway.origin('main'))).body, 'before');
    assert.equal((await latest(gateway)).result, 'refused');
    const logged = gateway.output.split('\n').filter((line) => line.includes('hallo'));
    assert.equal(logged.length, 1, 'the error is logged once');
  });

  test('reloads asked for at once all end with the newest configuration', async (t) => {
    const gateway = await startGateway(t, `configs.auto_reload: false\n${greeting('a')}`);
    const asked = [gateway.reload()];
    for (const message of ['b', 'c', 'd']) {
      gateway.write(`configs.auto_reload: false\n${greeting(message)}`);
      asked.push(gateway.reload());
    }
    for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
    const origin = await gateway.origin('main');
    for (let i = 0; i < 10; i++) assert.equal((await ask(origin)).body, 'd');
    assert.ok((await gateway.status()).generation <= 4, 'waiting reloads join into one');
  });

  test('an entry is added and another removed', async (t) => {
    const config = (name: string): string =>
      greeting('x').replace('- name: main\n    router', `- name: ${name}\n    router`);
    const gateway = await startGateway(t, `configs.auto_reload: false\n${config('one')}`);
    const old = await gateway.origin('one');
    gateway.write(
      `configs.auto_reload: false\n${config('two').replace('127.0.0.1:0', '127.0.0.2:0')}`,
    );
    assert.equal((await gateway.reload()).status, 200);
    assert.equal((await ask(await gateway.origin('two'))).status, 200);
    await eventually('the old entry to close', () =>
      ask(old).then(
        () => false,
        () => true,
      ),
    );
  });
});
