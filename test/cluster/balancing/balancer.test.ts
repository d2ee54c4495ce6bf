/** Which node a balancer picks, over many requests. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import pino from 'pino';
import { createBalancer } from '../../../src/cluster/balancing/balancer.ts';
import { defaultConnections } from '../../../src/cluster/cluster.ts';
import { NodeHealth } from '../../../src/cluster/nodes/outlier-detection.ts';
import { Node } from '../../../src/cluster/nodes/node.ts';

const log = pino({ level: 'silent' });

function nodesOf(...weights: number[]): Node[] {
  return weights.map((weight, i) => {
    const origin = `http://10.0.0.${i + 1}:9200`;
    const member = { origin, health: new NodeHealth(origin, log), traffic: null };
    return new Node(member, weight, defaultConnections);
  });
}

const keys = Array.from({ length: 3000 }, (_, i) => `/index-${i}/_doc`);

suite('balancer: hash', () => {
  const balancer = createBalancer('hash');

  test('a key stays with its node, and nodes get keys by weight', () => {
    const nodes = nodesOf(1, 2, 3, 0);
    const counts = new Map<Node, number>();
    for (const key of keys) {
      const node = balancer.pick(nodes, [], key) ?? assert.fail();
      assert.equal(balancer.pick(nodes.toReversed(), [], key), node);
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    const shares = nodes.map((node) => (counts.get(node) ?? 0) / keys.length);
    for (const [i, share] of [1 / 6, 2 / 6, 3 / 6, 0].entries()) {
      assert.ok(Math.abs((shares[i] as number) - share) < 0.04, shares.join(', '));
    }
  });

  test('a node that goes moves only its own keys, and to all others', () => {
    const nodes = nodesOf(1, 1, 1, 1);
    const [gone, ...left] = nodes as [Node, Node, Node, Node];
    const heirs = new Set<Node | null>();
    for (const key of keys) {
      const before = balancer.pick(nodes, [], key);
      const after = balancer.pick(left, [], key);
      if (before === gone) heirs.add(after);
      else assert.equal(after, before);
    }
    assert.equal(heirs.size, 3);
  });

  test('a node that fails is passed over for the next, the same for every request', () => {
    const nodes = nodesOf(1, 1, 1);
    const first = balancer.pick(nodes, [], 'key') ?? assert.fail();
    const second = balancer.pick(nodes, [first], 'key') ?? assert.fail();
    first.health.failed('refused', true);
    assert.equal(balancer.pick(nodes, [], 'key'), second);
    first.health.succeeded();
    assert.equal(balancer.pick(nodes, [], 'key'), first);
  });
});

for (const name of ['weight', 'least_in_flight', 'hash'] as const) {
  test(`balancer: ${name} takes the reserve only when nothing else can be used`, () => {
    const balancer = createBalancer(name);
    const nodes = nodesOf(1, 1, 1);
    const [a, b, reserve] = nodes as [Node, Node, Node];
    reserve.reserve = true;
    const picks = (): Set<Node | null> =>
      new Set(keys.slice(0, 50).map((key) => balancer.pick(nodes, [], key)));
    assert.deepEqual(picks(), new Set([a, b]));
    a.health.checked(false, 'down', 60_000);
    assert.deepEqual(picks(), new Set([b]));
    b.health.checked(false, 'down', 60_000);
    assert.deepEqual(picks(), new Set([reserve]));
    reserve.health.checked(false, 'down', 60_000);
    assert.ok(!picks().has(null), 'rather one that is down than none');
    assert.equal(balancer.pick(nodes, nodes, 'key'), null);
  });
}
