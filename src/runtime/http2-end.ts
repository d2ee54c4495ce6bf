import type { ClientHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';

const whole = Symbol('whole');
type Noted = ClientHttp2Stream & { [whole]?: true };

/**
 * Notes whether the other side ends the stream. node:http2 emits `end` for a stream that is reset
 * without an error, too: what came of a body before that must not pass for all of it.
 */
export function noteEnd(stream: ClientHttp2Stream): void {
  stream.push = pushNoting;
}

/** Whether END_STREAM has come, of a stream that `noteEnd` was called for. */
export function hasEnded(stream: ClientHttp2Stream): boolean {
  return (stream as Noted)[whole] === true;
}

/** node:http2 pushes the end of a stream that is reset after it has marked it as closed. */
function pushNoting(this: Noted, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && !this.closed) this[whole] = true;
  return Readable.prototype.push.call(this, chunk, encoding);
}
