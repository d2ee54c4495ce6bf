import { defineFilter } from '../../flow/filter.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';

/** Characters of what is put out. */
const longest = 64 << 20;

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;

interface EchoParameters {
  readonly message: string;
  readonly messages?: readonly string[];
  readonly status: number;
  readonly repeat: number;
  readonly continue: boolean;
  readonly response: boolean;
  readonly stdout: boolean;
  readonly logging: boolean;
  readonly logging_level: (typeof levels)[number];
}

export default defineFilter<EchoParameters>({
  name: 'echo',
  summary: 'Adds text to the response, for debugging.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      message: {
        type: 'string',
        default: '.',
        syntax: 'template',
        description: 'Text to put out.',
        examples: ['hello gateway\n'],
      },
      messages: {
        type: 'array',
        items: { type: 'string', syntax: 'template' },
        description: 'Several texts to put out one after the other, in place of `message`.',
        examples: [['hello\n', 'gateway\n']],
      },
      status: {
        type: 'integer',
        minimum: 200,
        maximum: 999,
        default: 200,
        description: 'HTTP status of the response.',
      },
      repeat: {
        type: 'integer',
        minimum: 0,
        default: 1,
        description: 'How many times the text is put out.',
      },
      continue: {
        type: 'boolean',
        default: true,
        description: 'Whether the filters behind this one run.',
      },
      response: {
        type: 'boolean',
        default: true,
        description:
          'Whether the text goes to the response, after what its body has already. A compressed body is decompressed; one that cannot be stays as it is.',
      },
      stdout: {
        type: 'boolean',
        default: false,
        description: 'Whether the text goes to standard output.',
      },
      logging: { type: 'boolean', default: false, description: 'Whether the text is logged.' },
      logging_level: {
        type: 'string',
        enum: levels,
        default: 'info',
        description: 'Level the text is logged at.',
      },
    },
  },
  check(parameters) {
    if (wordsOf(parameters).length * parameters.repeat <= longest) return [];
    return [{ path: ['repeat'], message: 'the repeated text would be longer than 64 MB' }];
  },
  create(parameters, { log, template }) {
    const { status, response: toResponse, stdout, logging, logging_level } = parameters;
    const { constant, render } = template(wordsOf(parameters).repeat(parameters.repeat));
    const bytes = constant === undefined ? null : Buffer.from(constant);

    return function echo(context) {
      const text = render(context);
      if (stdout) standardOutput().write(text);
      if (logging) log[logging_level](text);
      if (!parameters.continue) context.finish();
      if (!toResponse) return;
      const { response } = context;
      response.status = status;
      if (!response.headers.has('content-type')) {
        response.headers.append('Content-Type', 'text/plain; charset=utf-8');
      }
      return response.appendBody(bytes ?? Buffer.from(text));
    };
  },
});

function wordsOf({ message, messages = [] }: EchoParameters): string {
  return messages.length > 0 ? messages.join('') : message;
}
