import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import pino from 'pino';
import type { LogLevel } from './config/types.ts';
import { standardOutput } from './runtime/lines/standard-output.ts';
import { ignoreStreamErrors } from './runtime/processes/standard-streams.ts';

type PinoPretty = typeof import('pino-pretty');

export type Log = pino.Logger;

/**
 * The process's log on standard output: human-readable on a terminal, JSON lines otherwise. It waits
 * for no reader: lines that find no room are counted, and their number is logged when there is room.
 */
export function createLog(level: LogLevel, bindings: Record<string, unknown> = {}): Log {
  ignoreStreamErrors();
  const options: pino.LoggerOptions = {
    level,
    base: bindings,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    errorKey: 'error',
    messageKey: 'message',
  };
  const output = standardOutput();
  const log = pino(options, isatty(1) ? prettyOutput() : output);
  output.onLost = (lost) => {
    log.warn({ lost }, `${lost} log lines were lost: standard output took no more`);
  };
  return log;
}

/** For a terminal. The formatter is loaded for that only: it takes time and memory, in every worker. */
function prettyOutput(): pino.DestinationStream {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as PinoPretty;
  const pretty = prettyFactory({
    messageKey: 'message',
    errorLikeObjectKeys: ['error', 'err'],
    translateTime: 'HH:MM:ss.l',
    singleLine: true,
    ignore: 'pid',
  });
  return { write: (line) => standardOutput().write(pretty(line)) };
}
