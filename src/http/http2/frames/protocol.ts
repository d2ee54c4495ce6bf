/** Numbers of RFC 9113, and how its two sorts of errors are thrown. */

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = {
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** Bytes of a frame's head. */
export const frameHeadSize = 9;
/** Bytes of payload that a frame has at most, unless its receiver allows more: we never do. */
export const maxFramePayload = 16_384;
export const largestFramePayload = 16_777_215;
/** Flow-control windows of connections and streams before anybody says otherwise. */
export const initialWindow = 65_535;
export const largestWindow = 2 ** 31 - 1;
export const largestStreamId = 2 ** 31 - 1;

/** The first bytes of a client. */
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** The connection cannot go on: GOAWAY with that code ends it. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.protocolError, message);
}

/** Why a stream broke. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: number;
  /** Whether the other side is certain not to have processed the stream (RFC 9113, 8.7). */
  readonly unprocessed: boolean;

  constructor(code: number, message: string, unprocessed = false) {
    super(message);
    this.code = code;
    this.unprocessed = unprocessed;
  }
}

const codeNames = Object.entries(ErrorCode).map(([name]) => name);

/** An error code as a person reads it. */
export function errorCodeName(code: number): string {
  const name = codeNames[code];
  if (name === undefined) return `error code ${code}`;
  return name.replaceAll(/[A-Z]|\d+/g, '_$&').toUpperCase();
}
