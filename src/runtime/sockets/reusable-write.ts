import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What a connection is written to by; the part of `SocketWriter` that is needed here. */
interface BareWriter {
  readonly waiting: boolean;
  writeJoined(before: string, part: Buffer): boolean;
}

/**
 * Writes bytes, and answers whether their memory may be used again at once: the system has taken all
 * of them, or TLS has encrypted them.
 *
 * Relies on: node:tls encrypts within the write, or copies what it cannot encrypt yet, as long as nothing
 * written before waits; no documentation says so. Without it clients would get other bytes than were
 * written, which the contract test finds; there is no way to find out at run time.
 */
export function writeReusable(socket: Duplex, writer: BareWriter, bytes: Buffer): boolean {
  if (!(socket instanceof Socket)) {
    socket.write(bytes);
    return false;
  }
  if ((socket as Socket & { encrypted?: boolean }).encrypted === true) {
    const isDirect =
      socket.writableLength === 0 && socket.writableCorked === 0 && !socket.connecting;
    socket.write(bytes);
    return isDirect;
  }
  writer.writeJoined('', bytes);
  return !writer.waiting;
}
