/**
 * A program of its own: puts the socket inherited as descriptor 3 into the listening state and ends
 * before its event loop polls, so that it accepts no connection. Prints the error code and exits 1
 * when that fails.
 */
import { createServer } from 'node:net';

const server = createServer();
server.once('listening', () => process.exit(0));
server.once('error', (error: NodeJS.ErrnoException) => {
  process.stdout.write(`${error.code ?? 'UNKNOWN'}\n`, () => process.exit(1));
});
// The backlog of workers as well.
server.listen({ fd: 3, backlog: 4096 });
