import { isIP, SocketAddress, type Socket } from 'node:net';

/** The client that a proxy in front speaks for. */
export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
}

/** `unfinished`: more bytes are needed. `client` is null when the proxy speaks for itself. */
export type ProxyHeader =
  | { readonly kind: 'unfinished' | 'malformed' }
  | { readonly kind: 'complete'; readonly length: number; readonly client: ProxiedClient | null };

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const longestText = 107;
/** Bytes of extensions that a header of version 2 may have. */
const longestRest = 4096;
const unfinished: ProxyHeader = { kind: 'unfinished' };
const malformed: ProxyHeader = { kind: 'malformed' };

/** Reads a PROXY protocol header, version 1 or 2, from the first bytes of a connection. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const start = bytes.subarray(0, signature.length);
  if (start.equals(signature)) return readBinary(bytes);
  if (signature.subarray(0, start.length).equals(start)) return unfinished;
  return readText(bytes);
}

function readText(bytes: Buffer): ProxyHeader {
  const text = bytes.toString('latin1', 0, longestText + 1);
  if (!'PROXY '.startsWith(text.slice(0, 6))) return malformed;
  const end = text.indexOf('\r\n');
  if (end < 0) return text.length > longestText ? malformed : unfinished;
  const [, family, source = '', target = '', ...ports] = text.slice(0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'complete', length, client: null };
  const version = family === 'TCP4' ? 4 : 6;
  if (family !== 'TCP4' && family !== 'TCP6') return malformed;
  if (isIP(source) !== version || isIP(target) !== version || ports.length !== 2) return malformed;
  if (!ports.every((port) => /^(?:0|[1-9]\d{0,4})$/.test(port) && Number(port) < 65536)) {
    return malformed;
  }
  return { kind: 'complete', length, client: { address: source, port: Number(ports[0]) } };
}

function readBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < 16) return unfinished;
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13) >> 4;
  const rest = bytes.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 15) > 1 || rest > longestRest) return malformed;
  const length = 16 + rest;
  if (bytes.length < length) return unfinished;
  // LOCAL: the proxy's own connection, such as a health check.
  if ((command & 15) === 0) return { kind: 'complete', length, client: null };
  if (family === 1 && rest >= 12) {
    const address = [...bytes.subarray(16, 20)].join('.');
    return { kind: 'complete', length, client: { address, port: bytes.readUInt16BE(24) } };
  }
  if (family === 2 && rest >= 36) {
    const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i).toString(16));
    const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
    return { kind: 'complete', length, client: { address, port: bytes.readUInt16BE(48) } };
  }
  return family === 0 || family === 3 ? { kind: 'complete', length, client: null } : malformed;
}

/**
 * Takes the header off the front of a connection. `done` gets the client (null: the peer itself),
 * and answers whether somebody reads the connection now: else it stays paused;
 * it is not called when there is none in time: `refused` is, and the connection is closed.
 */
export function takeProxyHeader(
  socket: Socket,
  timeout: number,
  done: (client: ProxiedClient | null) => boolean,
  refused: () => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => {
    refused();
    socket.destroy();
  }, timeout);
  const give = (): void => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', destroy);
    socket.off('error', destroy);
    socket.off('close', give);
  };
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header.kind === 'unfinished') return;
    give();
    if (header.kind !== 'complete') {
      socket.on('error', destroy);
      refused();
      socket.destroy();
      return;
    }
    socket.pause();
    const rest = bytes.subarray(header.length);
    const read = done(header.client);
    if (rest.length > 0) socket.unshift(rest);
    if (read) socket.resume();
  };
  function destroy(): void {
    socket.destroy();
  }
  socket.on('data', onData);
  socket.on('end', destroy);
  socket.on('error', destroy);
  socket.on('close', give);
}
