/** What a worker may have of limits while the primary does not answer, and how it settles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { GatewayConfig } from '../../src/config/types.ts';
import type { ToPrimary } from '../../src/ipc/messages.ts';
import { addressPermitName } from '../../src/shared-limits/lease-key.ts';
import type { RequestServer } from '../../src/worker/serving.ts';
import { LimitChannel } from '../../src/worker/limit-channel.ts';
import { entryConfig } from '../support/entry.ts';
import { eventually } from '../support/eventually.ts';

/** A worker, one of two, that notes what it is granted and what it sends. */
function open(limits: { max_concurrency: number; max_conns_per_ip?: number }) {
  const config = { entry: [entryConfig({ name: 'a', ...limits })], elasticsearch: [] };
  const grants: number[] = [];
  const sent: ToPrimary[] = [];
  const serving = { grantPermits: (_name: string, count: number) => void grants.push(count) };
  const channel = new LimitChannel(
    config as unknown as GatewayConfig,
    2,
    (message) => void sent.push(message),
    () => serving as unknown as RequestServer,
  );
  const answer = (count: number): void => {
    channel.primaryHeard();
    channel.take({ type: 'permits-granted', entry: 'a', count });
  };
  return { channel, grants, sent, answer };
}

test('without a primary a worker has its part of each limit, together with what it had', async () => {
  const { channel, grants, answer } = open({ max_concurrency: 10, max_conns_per_ip: 3 });
  channel.requestPermits('a', 2);
  answer(2);
  channel.orphaned();
  const ask = async (name: string, count: number): Promise<number | undefined> => {
    channel.requestPermits(name, count);
    await turn();
    return grants.at(-1);
  };
  assert.equal(await ask('a', 8), 3);
  assert.equal(await ask('a', 1), 0);
  channel.returnPermits('a', 2);
  assert.equal(await ask('a', 8), 2);
  assert.equal(await ask(addressPermitName('a', '10.0.0.1'), 8), 2);
  assert.equal(await ask(addressPermitName('a', '10.0.0.2'), 8), 2);
});

test('a wish that was open when the primary died is answered', () => {
  const { channel, grants } = open({ max_concurrency: 10 });
  channel.requestPermits('a', 4);
  assert.deepEqual(grants, []);
  channel.orphaned();
  assert.deepEqual(grants, [4]);
});

test('a primary that answers late learns what was taken, and has its answer back', async () => {
  const { channel, grants, sent, answer } = open({ max_concurrency: 10 });
  channel.requestPermits('a', 4);
  await eventually('an answer without it', () => grants.length > 0);
  assert.deepEqual(grants, [4]);
  sent.length = 0;
  answer(4);
  assert.deepEqual(grants, [4], 'the wish is not answered twice');
  assert.deepEqual(sent, [
    { type: 'permits-taken', entry: 'a', count: 4 },
    { type: 'permits-returned', entry: 'a', count: 4 },
  ]);
  channel.returnPermits('a', 4);
  assert.deepEqual(sent.at(-1), { type: 'permits-returned', entry: 'a', count: 4 });
});

test('what was taken and returned meanwhile is nothing that the primary has to know', async () => {
  const { channel, grants, sent, answer } = open({ max_concurrency: 10 });
  channel.requestPermits('a', 4);
  await eventually('an answer without it', () => grants.length > 0);
  channel.returnPermits('a', 3);
  sent.length = 0;
  answer(0);
  assert.deepEqual(sent, [{ type: 'permits-taken', entry: 'a', count: 1 }]);
});

test('a primary that answers something else is there: its answer is waited for', async () => {
  const { channel, grants, sent } = open({ max_concurrency: 10 });
  channel.requestPermits('a', 4);
  await eventually('the question', () => sent.some(({ type }) => type === 'ping'));
  channel.primaryHeard();
  await eventually('another one', () => sent.filter(({ type }) => type === 'ping').length > 1);
  assert.deepEqual(grants, []);
});
