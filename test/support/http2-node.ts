/** Nodes that speak HTTP/2: whole ones by node:http2, and ones that answer frame by frame. */
import { once } from 'node:events';
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import tls, { type TLSSocket } from 'node:tls';
import { nodeCertificate } from './certificates.ts';
import { frame, frameTypes, RawHttp2 } from './raw-http2.ts';

export type Play = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  raw: string[],
) => unknown;

/** A node that plays each request. `streams` and `sessions` count those that are open. */
export async function http2Node(t: TestContext, play: Play, settings = {}) {
  const server = createSecureServer({ ...nodeCertificate(), settings });
  const node = { origin: '', streams: 0, sessions: 0, sessionsEver: 0 };
  server.on('session', (session) => {
    node.sessions++;
    node.sessionsEver++;
    session.on('error', () => {});
    session.on('close', () => node.sessions--);
  });
  server.on('stream', (stream: ServerHttp2Stream, headers, _flags, raw) => {
    node.streams++;
    stream.on('error', () => {});
    stream.on('close', () => node.streams--);
    play(stream, headers, raw);
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  node.origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return node;
}

/** A node that answers each connection frame by frame; it has sent its SETTINGS. */
export async function rawHttp2Node(t: TestContext, play: (peer: RawHttp2) => unknown) {
  const sockets = new Set<TLSSocket>();
  const server = tls.createServer({ ...nodeCertificate(), ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    const peer = RawHttp2.accepted(socket);
    peer.send(frame(frameTypes.SETTINGS, 0, 0), frame(frameTypes.SETTINGS, 1, 0));
    play(peer);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}
