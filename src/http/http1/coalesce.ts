import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { countBodyBytes } from '../../runtime/external-memory.ts';
import { isFleeting, own, readSize, smallPart } from './read-buffer.ts';

/** Bytes of the memory in which large writes are put together: a read's worth, and a head. */
const scratchSize = readSize + (64 << 10);

let scratch: Buffer | null = null;

/**
 * Writes a part of a body, which may be lent, with what stands before and behind it (Latin-1), in one
 * go. False asks to wait for the connection's `drain`.
 */
export function writeJoined(socket: Duplex, before: string, part: Buffer, behind = ''): boolean {
  const size = before.length + part.length + behind.length;
  if (part.length <= smallPart) {
    const framed = before.length + behind.length > 0;
    socket.write(framed ? join(Buffer.allocUnsafe(size), before, part, behind) : own(part));
  } else if (isFleeting(part)) writeCopy(socket, size, before, part, behind);
  else {
    socket.cork();
    if (before !== '') socket.write(before, 'latin1');
    socket.write(part);
    if (behind !== '') socket.write(behind, 'latin1');
    socket.uncork();
    // What the system has not taken at once goes out from where it lies.
    if (socket.writableLength > 0) own(part);
  }
  return socket.writableLength < socket.writableHighWaterMark;
}

/** Writes a copy, whose memory is used again as soon as the system has taken all of it. */
function writeCopy(
  socket: Duplex,
  size: number,
  before: string,
  part: Buffer,
  behind: string,
): void {
  // What TLS takes counts as waiting for a moment, although it has been encrypted already.
  const secure = (socket as { encrypted?: boolean }).encrypted === true;
  const idle = !secure && socket.writableLength === 0 && size <= scratchSize;
  if (idle && scratch === null) {
    countBodyBytes(scratchSize);
    scratch = Buffer.allocUnsafeSlow(scratchSize);
  }
  if (!idle) countBodyBytes(size);
  const memory = idle ? (scratch as Buffer) : Buffer.allocUnsafeSlow(size);
  socket.write(join(memory, before, part, behind));
  if (memory === scratch && socket.writableLength > 0) scratch = null;
}

function join(memory: Buffer, before: string, part: Buffer, behind: string): Buffer {
  memory.write(before, 0, 'latin1');
  part.copy(memory, before.length);
  const end = before.length + part.length;
  memory.write(behind, end, 'latin1');
  return memory.subarray(0, end + behind.length);
}
