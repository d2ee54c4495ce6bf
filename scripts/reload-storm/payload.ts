/** What backend and clients agree upon: paths and contents. */

/** Bytes in the body of a small request. */
export const SMALL = 1024;

/** Bytes in a download. */
export const DOWNLOAD = 3 * 1024 * 1024;

/** A small body that names its request: the id, padded. */
export function smallBody(id: string): Buffer {
  return Buffer.from(id.padEnd(SMALL, '.'), 'latin1');
}

let content: Buffer | null = null;

/** The content of every download, the same in all processes: bytes that no shift leaves alike. */
export function downloadContent(): Buffer {
  if (content) return content;
  const words = new Uint32Array(DOWNLOAD / 4);
  let state = 2463534242;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  content = Buffer.from(words.buffer);
  return content;
}
