import { createRequire } from 'node:module';
import pino from 'pino';
import type { LogLevel } from './config/types.ts';

type PinoPretty = typeof import('pino-pretty');

export type Log = pino.Logger;

/**
 * The process's log on standard output: human-readable on a terminal, JSON lines otherwise.
 * Written synchronously, so that the last line before an exit is never lost.
 */
export function createLog(level: LogLevel, bindings: Record<string, unknown> = {}): Log {
  const options: pino.LoggerOptions = {
    level,
    base: bindings,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    errorKey: 'error',
    messageKey: 'message',
  };
  const destination = openOutput();
  if (!process.stdout.isTTY) return pino(options, destination);
  // Loaded for a terminal only: it takes time and memory, in every worker.
  const pretty = createRequire(import.meta.url)('pino-pretty') as PinoPretty;
  return pino(
    options,
    pretty({
      destination,
      messageKey: 'message',
      errorLikeObjectKeys: ['error', 'err'],
      translateTime: 'HH:MM:ss.l',
      singleLine: true,
      ignore: 'pid',
    }),
  );
}

/** Standard output. That its reader goes away (EPIPE) ends no gateway: what follows is not written. */
function openOutput(): ReturnType<typeof pino.destination> {
  const output = pino.destination({ dest: 1, sync: true });
  output.once('error', () => {
    output.on('error', () => {});
    // It would keep every line, to write it later.
    output.write = () => true;
  });
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.listenerCount('error') === 0) stream.on('error', () => {});
  }
  return output;
}
