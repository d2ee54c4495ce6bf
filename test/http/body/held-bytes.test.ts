import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldBytes } from '../../../src/http/body/held-bytes.ts';

test('bytes that are held come out as they went in, small parts together', () => {
  const held = new HeldBytes();
  const sizes = [
    1,
    1,
    1,
    5_000,
    4_096,
    4_096,
    1,
    60_000,
    0,
    3,
    ...Array.from({ length: 20_000 }, () => 1),
  ];
  const sent: Buffer[] = [];
  for (const [i, size] of sizes.entries()) {
    const part = Buffer.alloc(size, i);
    sent.push(Buffer.from(part));
    held.push(part);
    // What was kept of a small part is its own.
    if (size <= 4_096) part.fill(0xee);
  }
  const parts: Buffer[] = [];
  for (let part = held.shift(); part !== undefined; part = held.shift()) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(Buffer.concat(sent)));
  assert.ok(parts.length < 20, `${parts.length} parts`);
  assert.equal(held.isEmpty, true);
  held.push(Buffer.from('x'));
  held.clear();
  assert.equal(held.shift(), undefined);
});
