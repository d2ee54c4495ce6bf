import type { Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';

/** What is decompressed at a time, bytes. */
const chunkSize = 64 << 10;

const decoders: Readonly<Record<string, (options: { chunkSize: number }) => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** Whether a Content-Encoding, in lower case, is one that can be undone. */
export function canDecompress(encoding: string): boolean {
  return Object.hasOwn(decoders, encoding);
}

/**
 * Decompresses part after part, not on this thread. `take` is given each part; what it throws ends
 * the work, and so does false.
 * @throws what `take` threw, or what is wrong with the bytes
 */
export function decompress(
  bytes: Buffer,
  encoding: string,
  take: (part: Buffer) => boolean,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const decoder = (decoders[encoding] as (typeof decoders)[string])({ chunkSize });
  decoder.on('data', (part: Buffer) => {
    try {
      if (take(part)) return;
      resolve();
    } catch (error) {
      reject(error);
    }
    decoder.destroy();
  });
  decoder.once('end', resolve);
  decoder.once('error', reject);
  decoder.end(bytes);
  return promise;
}

/**
 * Up to `limit` bytes of how something begins, decompressed; `bytes` may be only its beginning. What
 * cannot be decompressed gives what was found before.
 */
export async function decompressStart(
  bytes: Buffer,
  encoding: string,
  limit: number,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    await decompress(bytes, encoding, (part) => {
      parts.push(part);
      size += part.length;
      return size < limit;
    });
  } catch {
    // A beginning ends in the middle.
  }
  return Buffer.concat(parts, Math.min(size, limit));
}
