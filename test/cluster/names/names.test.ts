import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NodeName } from '../../../src/cluster/names/node-name.ts';
import { SystemNames } from '../../../src/cluster/names/system-names.ts';
import { NameServer } from '../../support/name-server.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Machine {
  readonly server: NameServer;
  readonly names: SystemNames;
  readonly writeHosts: (text: string) => Promise<void>;
}

/** A machine with files and a name server of its own. */
async function machine(
  t: TestContext,
  resolver = '',
  silentServers: string[] = [],
): Promise<Machine> {
  const folder = temporaryFolder(t);
  const server = await NameServer.start(t);
  const files = {
    hosts: join(folder, 'hosts'),
    resolver: join(folder, 'resolv.conf'),
    services: join(folder, 'nsswitch.conf'),
  };
  await writeFile(
    files.hosts,
    '127.0.0.1 localhost # this one\n::1 localhost\n10.0.0.7 db DB.example\n',
  );
  await writeFile(files.resolver, resolver);
  await writeFile(files.services, 'hosts: files dns\n');
  const names = new SystemNames({ ...files, servers: [...silentServers, server.address] });
  return { server, names, writeHosts: (text) => writeFile(files.hosts, text) };
}

function addressOf(name: NodeName): Promise<string> {
  return new Promise((resolve, reject) => {
    name.lookup(name.name, {}, (error, address) => {
      if (error) reject(error);
      else resolve(address as string);
    });
  });
}

test('names of the hosts file are known without a name server', async (t) => {
  const { names, server, writeHosts } = await machine(t);
  assert.deepEqual((await names.resolve('db')).addresses, [{ address: '10.0.0.7', family: 4 }]);
  assert.equal((await names.resolve('db.EXAMPLE.')).addresses[0]?.address, '10.0.0.7');
  assert.deepEqual(
    (await names.resolve('localhost')).addresses.map(({ address }) => address),
    ['127.0.0.1', '::1'],
  );
  assert.equal((await names.resolve('x.localhost')).addresses[0]?.address, '127.0.0.1');
  assert.deepEqual(server.asked, []);
  await writeHosts('10.0.0.8 db\n');
  await eventually('the new hosts file', async () => {
    return (await names.resolve('db')).addresses[0]?.address === '10.0.0.8';
  });
});

test('names are searched for as resolv.conf has it', async (t) => {
  const { names, server } = await machine(t, 'search one.example two.example\noptions ndots:2\n');
  server.records.set('es.two.example', { addresses: ['10.1.1.1'], ttl: 7 });
  server.records.set('a.b.c', { addresses: ['10.1.1.2'] });
  const found = await names.resolve('es');
  assert.deepEqual(found, { addresses: [{ address: '10.1.1.1', family: 4 }], ttlMs: 7000 });
  assert.deepEqual(server.asked.splice(0), ['es.one.example', 'es.two.example']);
  await names.resolve('a.b.c');
  assert.deepEqual(server.asked.splice(0), ['a.b.c']);
  await assert.rejects(names.resolve('es.'), { code: 'ENOTFOUND' });
  assert.deepEqual(server.asked, ['es']);
});

test('a name is asked for once, kept for its time, and then asked for again', async (t) => {
  const { names, server } = await machine(t);
  server.records.set('es.example', { addresses: ['10.1.1.1'], ttl: 1, delayMs: 50 });
  const name = new NodeName('es.example', names);
  const answers = await Promise.all(Array.from({ length: 20 }, () => addressOf(name)));
  assert.deepEqual(new Set(answers), new Set(['10.1.1.1']));
  assert.deepEqual(server.asked, ['es.example']);
  assert.equal(name.leadsTo('10.1.1.1'), true);
  server.records.set('es.example', { addresses: ['10.1.1.2'], ttl: 1 });
  await eventually('the new address', async () => (await addressOf(name)) === '10.1.1.2');
  assert.equal(name.leadsTo('10.1.1.1'), false);
});

test('what is known is used on while the name server fails, is silent, or knows no more', async (t) => {
  const { names, server } = await machine(t);
  const records = ['failing', 'silent', 'missing'] as const;
  await Promise.all(
    records.map(async (record) => {
      const host = `${record}.example`;
      server.records.set(host, { addresses: ['10.1.1.1'], ttl: 1 });
      const name = new NodeName(host, names);
      assert.equal(await addressOf(name), '10.1.1.1');
      const before = server.asked.filter((one) => one === host).length;
      server.records.set(host, record);
      await eventually('a second question', async () => {
        assert.equal(await addressOf(name), '10.1.1.1');
        return server.asked.filter((one) => one === host).length > before;
      });
      const began = performance.now();
      assert.equal(await addressOf(name), '10.1.1.1');
      assert.ok(performance.now() - began < 1000);
    }),
  );
});

test('nobody waits for a silent name server a second time', async (t) => {
  const { names, server } = await machine(t);
  server.records.set('dead.example', 'silent');
  const name = new NodeName('dead.example', names);
  await assert.rejects(addressOf(name), /dead\.example cannot be resolved: no answer within 5 s/);
  const began = performance.now();
  await assert.rejects(addressOf(name), /cannot be resolved/);
  assert.ok(performance.now() - began < 2000);
});

test('a first name server that is dead costs the first question only', async (t) => {
  const dead = await NameServer.start(t);
  dead.records.set('es.example', 'silent').set('other.example', 'silent');
  const { names, server } = await machine(t, '', [dead.address]);
  server.records.set('es.example', { addresses: ['10.1.1.1'] });
  server.records.set('other.example', { addresses: ['10.1.1.2'] });
  assert.equal((await names.resolve('es.example')).addresses[0]?.address, '10.1.1.1');
  const began = performance.now();
  assert.equal((await names.resolve('other.example')).addresses[0]?.address, '10.1.1.2');
  assert.ok(performance.now() - began < 1500, 'the server that answers is asked first');
});

test('all addresses of a name are used in turn, one that fails is left out', async (t) => {
  const { names, server } = await machine(t);
  server.records.set('es.example', { addresses: ['10.1.1.1', '10.1.1.2', '10.1.1.3'] });
  const name = new NodeName('es.example', names);
  assert.equal(name.hasChoice, false);
  await name.ready();
  assert.equal(name.hasChoice, true);
  const next = (): string | null => {
    name.advance();
    return name.current;
  };
  assert.deepEqual(
    new Set([next(), next(), next()]),
    new Set(['10.1.1.1', '10.1.1.2', '10.1.1.3']),
  );
  name.avoid('10.1.1.2');
  assert.deepEqual(new Set([next(), next(), next(), next()]), new Set(['10.1.1.1', '10.1.1.3']));
});
