import type { RequestContext } from '../../http/context.ts';
import type { Message } from '../../http/message.ts';
import { reasonOf } from '../../errors.ts';
import { textOf } from '../../context/value.ts';
import type { JsonSchema } from '../../config/schema/json-schema.ts';
import { defineFilter, type FilterServices } from '../../flow/filter.ts';
import { standardOutput } from '../../runtime/lines/standard-output.ts';

interface DumpParameters extends Readonly<Partial<Record<Part, boolean>>> {
  readonly context: readonly string[];
}

type Part = keyof typeof descriptions;

const descriptions = {
  request: 'Whether the whole request is shown.',
  response: 'Whether the whole response is shown.',
  uri: "Whether the request's URL is shown.",
  query_args: 'Whether the arguments in the query are shown.',
  user: 'Whether the name of the user is shown.',
  api_key: 'Whether the id of the API key is shown; the key itself never is.',
  request_header: "Whether the request's header fields are shown.",
  request_body: "Whether the request's body is shown.",
  response_header: "Whether the response's header fields are shown.",
  response_body: "Whether the response's body is shown.",
  status_code: "Whether the response's status is shown.",
} as const;

export default defineFilter<DumpParameters>({
  name: 'dump',
  summary: 'Shows what a request looks like here, on standard output, for debugging.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(
        Object.entries(descriptions).map(([name, description]): [string, JsonSchema] => [
          name,
          { type: 'boolean', default: false, description },
        ]),
      ),
      context: {
        type: 'array',
        items: { type: 'string', syntax: 'field' },
        default: [],
        description: 'Context values to show.',
        examples: [['_ctx.request.uri', '_ctx.request.body_json.size']],
      },
    },
  },
  create(parameters, services) {
    const sections = sectionsOf(parameters, services);

    return function dump(context) {
      let text = '';
      for (const [title, show] of sections) text += `---- ${title} ----\n${show(context)}\n`;
      standardOutput().write(text);
    };
  },
});

type Section = readonly [title: string, show: (context: RequestContext) => string];

function sectionsOf(parameters: DumpParameters, { field }: FilterServices): readonly Section[] {
  const valueOf = (name: string) => {
    const { read } = field(name);
    return (context: RequestContext) => {
      try {
        return textOf(read(context));
      } catch (error) {
        return `(${reasonOf(error)})`;
      }
    };
  };
  const sections: Section[] = [];
  if (parameters.uri) sections.push(['uri', valueOf('_ctx.request.uri')]);
  if (parameters.query_args) sections.push(['query_args', valueOf('_ctx.request.query_args')]);
  if (parameters.user) sections.push(['user', valueOf('_ctx.request.username')]);
  if (parameters.api_key) sections.push(['api_key', ({ request }) => apiKeyId(request)]);
  if (parameters.request_header) {
    sections.push(['request header', ({ request }) => fieldLines(request)]);
  }
  if (parameters.request) {
    const body = valueOf('_ctx.request.body');
    sections.push([
      'request',
      (context) => {
        const { request } = context;
        return `${request.method} ${request.target}\n${fieldLines(request)}\n\n${body(context)}`;
      },
    ]);
  }
  if (parameters.request_body) sections.push(['request body', valueOf('_ctx.request.body')]);
  if (parameters.status_code) sections.push(['status_code', valueOf('_ctx.response.status')]);
  if (parameters.response_header) {
    sections.push(['response header', ({ response }) => fieldLines(response)]);
  }
  if (parameters.response_body) sections.push(['response body', valueOf('_ctx.response.body')]);
  if (parameters.response) {
    const body = valueOf('_ctx.response.body');
    sections.push([
      'response',
      (context) => {
        const { response } = context;
        return `${response.status}\n${fieldLines(response)}\n\n${body(context)}`;
      },
    ]);
  }
  if (parameters.context.length > 0) {
    const values = parameters.context.map((name) => [name, valueOf(name)] as const);
    sections.push([
      'dumping context',
      (context) => values.map(([name, show]) => `${name}  :  ${show(context)}`).join('\n'),
    ]);
  }
  return sections;
}

/** Header fields, one a line, without what gives access. */
function fieldLines({ headers }: Message): string {
  const lines: string[] = [];
  headers.forEach((name, value) => {
    const isSecret = /^(?:proxy-)?authorization$|^(?:set-)?cookie$/i.test(name);
    lines.push(`${name}: ${isSecret ? '(not shown)' : value}`);
  });
  return lines.join('\n');
}

/** `id` of an Authorization field `ApiKey base64(id:key)`. */
function apiKeyId({ headers }: Message): string {
  const encoded = /^ApiKey +(\S+)/i.exec(headers.get('authorization') ?? '')?.[1];
  if (encoded === undefined) return '';
  return Buffer.from(encoded, 'base64').toString().split(':', 1)[0] as string;
}
