import type { OnReadOpts } from 'node:net';

/**
 * The option `onread` of a socket that reads into what `next` gives, and passes it to `take`. False from
 * `take` pauses the socket.
 *
 * Relies on: a `buffer` function that gives undefined has the socket read into the same buffer again,
 * since 12.10; documented is only that it gives a buffer. To name one again costs node:net more than to
 * keep it. Where a socket takes another buffer instead, that one is passed on, and each is named.
 */
export function readInto(
  next: () => Buffer,
  take: (buffer: Buffer, count: number) => boolean,
): OnReadOpts {
  /** What a read has just brought its bytes in. */
  let used: Buffer | null = null;
  return {
    buffer: () => {
      const wanted = next();
      const stays = wanted === used;
      used = null;
      return stays ? (undefined as never) : wanted;
    },
    callback: (count, buffer) => {
      used = buffer as Buffer;
      return take(used, count);
    },
  };
}
