import type { Buffer } from 'node:buffer';
import { flowError } from '../flow-control.ts';
import {
  ConnectionError,
  ErrorCode,
  initialWindow,
  largestFramePayload,
  largestWindow,
  maxFramePayload,
  protocolError,
  Setting,
} from './protocol.ts';
import { defaultTableSize } from '../hpack/table.ts';

/** What the other side of a connection allows. */
export class PeerSettings {
  headerTableSize = defaultTableSize;
  maxStreams = Infinity;
  initialWindow = initialWindow;
  maxHeaderListSize = Infinity;

  /** Takes the payload of SETTINGS. @throws ConnectionError */
  take(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at += 6) {
      this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
  }

  #set(id: number, value: number): void {
    switch (id) {
      case Setting.headerTableSize:
        this.headerTableSize = value;
        break;
      case Setting.enablePush:
        if (value > 1) throw protocolError('an illegal value of ENABLE_PUSH');
        break;
      case Setting.maxConcurrentStreams:
        this.maxStreams = value;
        break;
      case Setting.initialWindowSize:
        if (value > largestWindow) throw flowError('a window too large');
        this.initialWindow = value;
        break;
      case Setting.maxFrameSize:
        // No frame of ours is larger than every receiver takes.
        if (value < maxFramePayload || value > largestFramePayload) {
          throw new ConnectionError(ErrorCode.protocolError, 'an illegal frame size');
        }
        break;
      case Setting.maxHeaderListSize:
        this.maxHeaderListSize = value;
        break;
      case Setting.enableConnectProtocol:
        if (value > 1) throw protocolError('an illegal value of ENABLE_CONNECT_PROTOCOL');
        break;
      default:
    }
  }
}

/** The payload of SETTINGS, as text of one character for each byte. */
export function settingsPayload(
  settings: readonly (readonly [id: number, value: number])[],
): string {
  let text = '';
  for (const [id, value] of settings) {
    for (const byte of [id >>> 8, id, value >>> 24, value >>> 16, value >>> 8, value]) {
      text += String.fromCharCode(byte & 0xff);
    }
  }
  return text;
}
