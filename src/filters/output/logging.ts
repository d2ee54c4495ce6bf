import { join } from 'node:path';
import type { RequestContext } from '../../http/context.ts';
import { compileField } from '../../context/fields/compile.ts';
import { readArguments } from '../../http/query-args.ts';
import { isBuffered } from '../../http/body/body.ts';
import type { Message } from '../../http/message.ts';
import { defineFilter } from '../../flow/filter.ts';
import type { Log } from '../../log.ts';
import { LogFile } from '../../runtime/lines/log-file.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';

interface LoggingParameters {
  readonly queue_name: string;
  readonly file?: string;
  readonly stdout: boolean;
  readonly format_header_keys: boolean;
  readonly remove_authorization: boolean;
  readonly max_request_body_size: number;
  readonly max_response_body_size: number;
  readonly min_elapsed_time_in_ms: number;
}

export default defineFilter<LoggingParameters>({
  name: 'logging',
  summary:
    'Writes a JSON line about each request, when its response is complete; at its best in the tracing_flow of a router.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      queue_name: {
        type: 'string',
        minLength: 1,
        pattern: '^[^/\\\\]+$',
        default: 'request_logging',
        description:
          'Name of the log: lines go to the file NAME.jsonl in the folder path.logs. A file that was moved or removed is made anew within a second. While the disk is full or slow, lines wait in memory, and beyond 16 MB they are dropped and counted.',
        examples: ['request_logging'],
      },
      file: {
        type: 'string',
        minLength: 1,
        file: 'written',
        description:
          'File that lines go to, in place of one named by `queue_name`; relative to the file that names it.',
        examples: ['/var/log/evergate/requests.jsonl'],
      },
      stdout: {
        type: 'boolean',
        default: false,
        description: 'Whether lines go to standard output, and to no file.',
      },
      format_header_keys: {
        type: 'boolean',
        default: false,
        description: 'Whether names of header fields are written in lower case.',
      },
      remove_authorization: {
        type: 'boolean',
        default: true,
        description: 'Whether header fields that give access are left out.',
      },
      max_request_body_size: {
        type: 'integer',
        minimum: 0,
        default: 1024,
        description:
          'How much is kept of a request body, in bytes; 0 for nothing, where bodies may hold what is secret. A body that is sent on as it arrives is seen when this filter stands before the one that sends it, or in the tracing_flow of a router.',
      },
      max_response_body_size: {
        type: 'integer',
        minimum: 0,
        default: 1024,
        description:
          'How much is kept of a response body, in bytes. A compressed body is decompressed for the log, up to this size.',
      },
      min_elapsed_time_in_ms: {
        type: 'integer',
        minimum: 0,
        noLimit: true,
        default: 0,
        description: 'Requests that took less than this are left out, in milliseconds.',
      },
      bulk_stats_details: {
        type: 'boolean',
        description: 'Whether bulk requests are counted by index.',
        unsupported: 'has no effect yet',
      },
    },
  },
  create(parameters, { log, logFolder, keepBodies }) {
    const { max_request_body_size: ofRequest, max_response_body_size: ofResponse } = parameters;
    keepBodies(ofRequest, ofResponse);
    const { stdout, file, queue_name: name } = parameters;
    const lines = stdout
      ? standardOutput()
      : openLog(file ?? join(logFolder, `${name}.jsonl`), log.child({ log: name }));

    /** Lines that wait until the beginning of a body is decompressed. */
    const pending = new Set<Promise<void>>();

    const write = (context: RequestContext): void => {
      const elapsed = (context.endedAt || performance.now()) - context.startedAt;
      if (elapsed < parameters.min_elapsed_time_in_ms) return;
      const request = context.request.preview(ofRequest);
      const response = context.response.preview(ofResponse);
      const put = (bodies: Bodies): void => {
        const record = recordOf(context, elapsed, parameters, bodies);
        lines.write(`${JSON.stringify(record)}\n`);
      };
      if (Buffer.isBuffer(request) && Buffer.isBuffer(response)) return put({ request, response });
      const later = Promise.all([request, response]).then(([ofOne, ofOther]) =>
        put({ request: ofOne, response: ofOther }),
      );
      pending.add(later);
      void later.finally(() => pending.delete(later));
    };

    return {
      handle: function logging(context) {
        context.onEnd(() => write(context), ofRequest, ofResponse);
      },
      close: async () => {
        await Promise.all(pending);
        if (lines instanceof LogFile) await lines.close();
      },
    };
  },
});

/** Opened before there are requests, so that a log that cannot be written refuses the flow. */
function openLog(path: string, log: Log): LogFile {
  return new LogFile(path, {
    onFailed: (error) => {
      log.error(
        { error, file: path },
        'the request log cannot be written; tried again each second',
      );
    },
    onRecovered: (lost) => {
      log.warn({ file: path, lost }, `the request log is written again; ${lost} lines were lost`);
    },
  });
}

function milliseconds(elapsed: number): number {
  return Math.round(elapsed * 1000) / 1000;
}

const user = compileField('_ctx.request.user');
const uri = compileField('_ctx.request.uri');
const remoteAddress = compileField('_ctx.remote_addr');
const localAddress = compileField('_ctx.local_addr');

/** How the bodies begin, decompressed. */
interface Bodies {
  readonly request: Buffer;
  readonly response: Buffer;
}

function recordOf(
  context: RequestContext,
  elapsed: number,
  parameters: LoggingParameters,
  bodies: Bodies,
): object {
  const { client, request, response, forward } = context;
  const now = Date.now();
  return {
    '@timestamp': new Date(now).toISOString(),
    id: context.id,
    entry: context.entry,
    tls: client.tls,
    remote_ip: client.remoteAddress,
    local_ip: client.localAddress,
    flow: {
      from: client.remoteAddress,
      relay: localAddress.read(context),
      to: forward === null || forward.node === '' ? [] : [new URL(forward.node).host],
      process: context.flows === '' ? [] : context.flows.split('->'),
    },
    elastic: forward === null ? {} : { cluster_name: [forward.cluster] },
    upstream:
      forward === null
        ? null
        : {
            cluster: forward.cluster,
            node: forward.node,
            elapsed: milliseconds(forward.elapsedMs),
            retries: forward.repetitions,
          },
    request: {
      started: new Date(now - elapsed).toISOString(),
      method: request.method,
      uri: uri.read(context),
      path: request.path,
      query_args: readArguments(request.query),
      user: user.read(context),
      host: request.headers.get('host'),
      remote_addr: remoteAddress.read(context),
      local_addr: localAddress.read(context),
      header: fieldsOf(request, parameters),
      ...bodyOf(request, bodies.request),
    },
    response: {
      status_code: response.status,
      elapsed: milliseconds(elapsed),
      cached: false,
      ...(response.failure !== null && { error: response.failure.code }),
      header: fieldsOf(response, parameters),
      ...bodyOf(response, bodies.response),
    },
  };
}

/** `body_length` is that of the body as it was transferred. */
function bodyOf(message: Message, start: Buffer): object {
  const { body, seen } = message;
  if (seen === null) {
    if (!isBuffered(body)) return {};
    return { body_length: body?.length ?? 0, body: start.toString(), complete: true };
  }
  return { body_length: seen.length, body: start.toString(), complete: seen.complete };
}

function fieldsOf({ headers }: Message, parameters: LoggingParameters): Record<string, string> {
  const fields: Record<string, string> = {};
  headers.forEach((name, value) => {
    if (parameters.remove_authorization && givesAccess.test(name)) return;
    const key = parameters.format_header_keys ? name.toLowerCase() : name;
    fields[key] = key in fields ? `${fields[key]}, ${value}` : value;
  });
  return fields;
}

const givesAccess = /^(?:proxy-)?authorization$|^(?:set-)?cookie$/i;
