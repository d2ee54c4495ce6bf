import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameBoundary } from '../../src/http/websocket-frames.ts';

/** A binary frame of a server, or with `mask` of a client. */
function frame(length: number, mask = false): Buffer {
  const bit = mask ? 0x80 : 0;
  let header: Buffer;
  if (length < 126) header = Buffer.from([0x82, bit | length]);
  else if (length < 65_536) header = Buffer.from([0x82, bit | 126, length >> 8, length & 0xff]);
  else {
    header = Buffer.alloc(10);
    header.set([0x82, bit | 127]);
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, Buffer.alloc(mask ? 4 : 0, 7), Buffer.alloc(length, 0x81)]);
}

test('the end of each frame is found, however the bytes are cut', () => {
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];
  for (const step of [1, 2, 3, 7, 1000, 1 << 20]) {
    for (const mask of [false, true]) {
      const frames = lengths.map((length) => frame(length, mask));
      const all = Buffer.concat(frames);
      const ends = new Set<number>();
      let end = 0;
      for (const { length } of frames) ends.add((end += length));
      const boundary = new FrameBoundary();
      for (let at = 0; at < all.length; at += step) {
        boundary.follow(all.subarray(at, at + step));
        const passed = Math.min(at + step, all.length);
        assert.equal(boundary.isBetweenFrames, ends.has(passed), `${passed} by ${step}`);
      }
    }
  }
});
