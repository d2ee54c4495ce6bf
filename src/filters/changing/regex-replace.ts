import { numberOf, textOf } from '../../context/value.ts';
import { type DecodedText, decodeText, isBinaryType } from '../../http/charset.ts';
import type { RequestContext } from '../../http/context.ts';
import { defineFilter } from '../../flow/filter.ts';
import {
  compileTextReplacement,
  type ReplacementParameters,
  replacementProperties,
} from './regex-replacement.ts';

interface ContextRegexReplaceParameters extends ReplacementParameters {
  readonly context: string;
}

export const contextRegexReplace = defineFilter<ContextRegexReplaceParameters>({
  name: 'context_regex_replace',
  summary: 'Changes a context value by a regular expression.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context', 'pattern', 'to'],
    properties: {
      context: {
        type: 'string',
        syntax: 'settable-field',
        description: 'The value to change; a request that lacks it, or has it empty, just goes on.',
        examples: ['_ctx.request.path'],
      },
      ...replacementProperties,
    },
  },
  create(parameters, services) {
    const { read } = services.field(parameters.context);
    const { set } = services.writer(parameters.context);
    const isBody = /^_ctx\.(?:request|response)\.body$/.test(parameters.context);
    const replace = compileTextReplacement(parameters, services);

    return function replaceInContext(context) {
      const value = read(context);
      const text = textOf(value);
      // Bytes that are no text would not come back.
      if (text === '' || (isBody && text.includes('\ufffd'))) return;
      const replaced = replace(text, context);
      if (typeof replaced !== 'string') return replaced.then((late) => put(context, value, late));
      if (replaced === text) return;
      return put(context, value, replaced);
    };

    function put(context: RequestContext, value: unknown, replaced: string): void {
      // A number in a JSON body stays one.
      const isNumber = typeof value === 'number' && !Number.isNaN(numberOf(replaced));
      set(context, isNumber ? numberOf(replaced) : replaced);
    }
  },
});

export const responseBodyRegexReplace = defineFilter<ReplacementParameters>({
  name: 'response_body_regex_replace',
  summary:
    "Changes the response's body by a regular expression. What is no text stays as it is: binary types, parts of a resource (206), a compression that cannot be undone, and bytes that are not of the charset that the Content-Type names (UTF-8 without one).",
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['pattern', 'to'],
    properties: replacementProperties,
  },
  create(parameters, services) {
    const replace = compileTextReplacement(parameters, services);
    const { response: limit } = services.bodyLimits;

    return function replaceInBody(context) {
      const { request, response } = context;
      if (!mayBeText(context)) return;
      // It would tell the length of a body that nobody has changed.
      if (request.method === 'HEAD') return response.headers.remove('Content-Length');
      response.checkSize(limit);
      if (response.isRead) return change(context);
      return response.readContent(limit).then(() => change(context));
    };

    function change(context: RequestContext): void | Promise<void> {
      const { response } = context;
      const type = response.headers.get('content-type') ?? '';
      const decoded = decodeText(response.content.toBuffer(), type);
      if (decoded === null) {
        services.log.debug({ entry: context.entry, type }, 'a response is no text: left as it is');
        return;
      }
      const replaced = replace(decoded.text, context);
      if (typeof replaced === 'string') return put(context, decoded, replaced);
      return replaced.then((late) => put(context, decoded, late));
    }

    function put(context: RequestContext, { text, encode }: DecodedText, replaced: string): void {
      if (replaced === text) return;
      const { response } = context;
      const bytes = encode(replaced);
      if (bytes !== null) return response.setBody(bytes);
      const type = response.headers.get('content-type');
      services.log.warn(
        { entry: context.entry, type },
        'a response is left as it is: its charset lacks characters of the replacement',
      );
    }
  },
});

function mayBeText({ response }: RequestContext): boolean {
  const { status, headers } = response;
  if (status === 204 || status === 206 || status === 304 || response.isOpaque) return false;
  return !headers.has('content-range') && !isBinaryType(headers.get('content-type') ?? '');
}
