/**
 * Runs h2spec (https://github.com/summerwind/h2spec), where it is installed, against a server on the
 * project's own HTTP/2 session: `npx node scripts/h2spec.ts [h2spec's arguments]`. The program is looked for
 * in PATH, or where the environment variable H2SPEC says that it is.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { serveHttp2 } from '../test/support/http2-server.ts';

const program = process.env['H2SPEC'] ?? 'h2spec';
const { port, close } = await serveHttp2(({ stream, method }) => {
  stream.respond(200, ['content-type', 'text/plain'], method === 'HEAD');
  if (method === 'HEAD') return;
  stream.write(Buffer.from('hello, world'));
  stream.end();
});
const options = ['-h', '127.0.0.1', '-p', `${port}`, ...process.argv.slice(2)];
const child = spawn(program, options, { stdio: 'inherit' });
try {
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
} catch (error) {
  console.error(`${program} cannot be run: ${(error as Error).message}`);
  process.exitCode = 2;
}
close();
