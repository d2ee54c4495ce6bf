/**
 * The backend behind the target, a process of its own: answers what it was asked in a way that the
 * client can check to the byte. Started by fork; sends `{ port }`, ends with its parent.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { downloadContent } from './payload.ts';
import { endWithParent } from './processes.ts';

endWithParent();
const server = createServer((request, response) => {
  // A client or proxy that goes away in the middle is seen and counted at its own end.
  answer(request, response).catch(() => response.destroy());
});
// This end never closes a connection: whatever breaks, the target broke.
server.keepAliveTimeout = 0;
server.headersTimeout = 0;
server.requestTimeout = 0;
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://backend');
  const id = String(request.headers['x-storm-id']);
  const delay = Number(url.searchParams.get('delay'));
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  response.setHeader('X-Storm-Id', id);
  if (url.pathname === '/echo') {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = request.method === 'GET' ? Buffer.from(id) : Buffer.concat(chunks);
    response.setHeader('Content-Length', body.length);
    response.end(body);
  } else if (url.pathname === '/digest') {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of request) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    response.end(`${id} ${bytes} ${hash.digest('hex')}`);
  } else if (url.pathname === '/download') {
    const content = downloadContent();
    // Without a length the answer is chunked, and must end with its last chunk.
    if (!url.searchParams.has('chunked')) response.setHeader('Content-Length', content.length);
    response.write(content.subarray(0, content.length >> 1));
    response.end(content.subarray(content.length >> 1));
  } else {
    response.statusCode = 404;
    response.end();
  }
}
