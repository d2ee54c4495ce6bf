/** What a worker may have of limits while the primary does not answer, and how it settles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { GatewayConfig } from '../../../src/config/types.ts';
import type { ToPrimary } from '../../../src/ipc/messages.ts';
import { leaseKey } from '../../../src/shared-limits/lease-key.ts';
import type { LeaseUser } from '../../../src/shared-limits/messages.ts';
import { LeaseClient } from '../../../src/shared-limits/worker/lease-client.ts';
import { entryConfig } from '../../support/entry.ts';
import { eventually } from '../../support/eventually.ts';

const entry = leaseKey('entry', 'a');

/** A worker, one of two, that notes what it is granted and what it sends. */
function open(limits: { max_concurrency: number; max_conns_per_ip?: number }) {
  const config = { entry: [entryConfig({ name: 'a', ...limits })], elasticsearch: [] };
  const grants: number[] = [];
  const sent: ToPrimary[] = [];
  const client = new LeaseClient(
    config as unknown as GatewayConfig,
    2,
    (message) => void sent.push(message),
  );
  const user: LeaseUser = { granted: ({ amount }) => void grants.push(amount), recalled: () => {} };
  const request = (amount: number, key = entry): void =>
    client.request({ type: 'lease-request', kind: 'slots', key, amount }, user);
  const giveBack = (amount: number): void =>
    client.return({ type: 'lease-return', kind: 'slots', key: entry, amount });
  const answer = (amount: number): void => {
    client.primaryHeard();
    client.receive({ type: 'lease-grant', kind: 'slots', key: entry, amount });
  };
  return { client, user, grants, sent, request, giveBack, answer };
}

test('without a primary a worker has its part of each limit, together with what it had', async () => {
  const { client, grants, request, giveBack, answer } = open({
    max_concurrency: 10,
    max_conns_per_ip: 3,
  });
  request(2);
  answer(2);
  client.orphaned();
  const ask = async (key: string, amount: number): Promise<number | undefined> => {
    request(amount, key);
    await turn();
    return grants.at(-1);
  };
  assert.equal(await ask(entry, 8), 3);
  assert.equal(await ask(entry, 1), 0);
  giveBack(2);
  assert.equal(await ask(entry, 8), 2);
  assert.equal(await ask(leaseKey('address', 'a', '10.0.0.1'), 8), 2);
  assert.equal(await ask(leaseKey('address', 'a', '10.0.0.2'), 8), 2);
});

test('a request that was open when the primary died is answered', () => {
  const { client, grants, request } = open({ max_concurrency: 10 });
  request(4);
  assert.deepEqual(grants, []);
  client.orphaned();
  assert.deepEqual(grants, [4]);
});

test('a primary that answers late learns what was taken, and has its answer back', async () => {
  const { grants, sent, request, giveBack, answer } = open({ max_concurrency: 10 });
  request(4);
  await eventually('an answer without it', () => grants.length > 0);
  assert.deepEqual(grants, [4]);
  sent.length = 0;
  answer(4);
  assert.deepEqual(grants, [4], 'the request is not answered twice');
  assert.deepEqual(sent, [
    { type: 'lease-settle', key: entry, amount: 4 },
    { type: 'lease-return', kind: 'slots', key: entry, amount: 4, window: 0 },
  ]);
  giveBack(4);
  assert.deepEqual(sent.at(-1), { type: 'lease-return', kind: 'slots', key: entry, amount: 4 });
});

test('what was taken and returned meanwhile is nothing that the primary has to know', async () => {
  const { grants, sent, request, giveBack, answer } = open({ max_concurrency: 10 });
  request(4);
  await eventually('an answer without it', () => grants.length > 0);
  giveBack(3);
  sent.length = 0;
  answer(0);
  assert.deepEqual(sent, [{ type: 'lease-settle', key: entry, amount: 1 }]);
});

test('a primary that answers something else is there: its answer is waited for', async () => {
  const { client, grants, sent, request } = open({ max_concurrency: 10 });
  request(4);
  await eventually('the question', () => sent.some(({ type }) => type === 'ping'));
  client.primaryHeard();
  await eventually('another one', () => sent.filter(({ type }) => type === 'ping').length > 1);
  assert.deepEqual(grants, []);
});

test('tokens that a primary grants late are returned to it', async () => {
  const { client, grants, sent, user } = open({ max_concurrency: 10 });
  const [kind, key] = ['tokens', leaseKey('limit', 'l', 'k')] as const;
  const rule = { max: 10, burst: 10, intervalMs: 3_600_000, refill: 'windows' } as const;
  client.request({ type: 'lease-request', kind, key, amount: 2, minimum: 1, rule }, user);
  await eventually('an answer without it', () => grants.length > 0);
  assert.deepEqual(grants, [2]);
  sent.length = 0;
  client.primaryHeard();
  const grant = { type: 'lease-grant', kind, key, amount: 2, window: 7, until: Infinity } as const;
  client.receive(grant);
  client.return({ type: 'lease-return', kind, key, amount: 1, window: -1 });
  assert.deepEqual(grants, [2], 'the request is not answered twice');
  assert.deepEqual(sent, [
    { type: 'lease-return', kind, key, amount: 2, window: 7 },
    { type: 'lease-return', kind, key, amount: 0, window: -1 },
  ]);
});
