/** A contestant: `node fastify-proxy.ts PORT BACKEND BACKEND`. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [port = 0, ...backends] = process.argv.slice(2).map(Number);
const server = fastify();
let turn = 0;
await server.register(proxy, {
  upstream: '',
  replyOptions: {
    getUpstream: () => `http://127.0.0.1:${backends[turn++ % backends.length]}`,
    // It would pass the client's field on, which undici refuses.
    rewriteRequestHeaders: (_request, { connection: _, ...headers }) => headers,
  },
});
await server.listen({ port, host: '127.0.0.1' });
