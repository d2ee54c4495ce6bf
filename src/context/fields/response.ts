import type { RequestContext } from '../../http/context.ts';
import type { DocumentedRule, FieldTable } from './rule.ts';
import { bodyJsonRule, bodyLengthRule, bodyRule, headerRule, wireText } from './message.ts';
import type { JsonPath } from '../../http/json/path.ts';
import type { Needs } from '../requirements.ts';
import { fieldValue } from '../../http/target.ts';
import { numberOf, textOf } from '../value.ts';
import { STATUS_CODES } from '../../runtime/modules/builtins.ts';

const content: Needs = { requestBody: 'nothing', responseBody: 'content' };
const json = (path: JsonPath): Needs => ({ ...content, responseJson: [path] });
const length: Needs = { requestBody: 'nothing', responseBody: 'length' };

const responseOf = (context: RequestContext) => context.response;

const status: DocumentedRule = {
  type: 'integer',
  description: 'Status of the response; 0 as long as nobody has given one.',
  read: ({ response }) => response.status,
  set({ response }, value) {
    const code = numberOf(value);
    if (!Number.isInteger(code) || code < 200 || code > 999) {
      throw new RangeError(`${textOf(value)} is no status of a response`);
    }
    response.status = code;
    response.statusText = '';
  },
};

const bodyLength: DocumentedRule = {
  type: 'integer',
  description: 'Bytes of the body, as it is transferred.',
  ...bodyLengthRule(responseOf, length),
};

/** `_ctx.response.…` */
export const responseFields: FieldTable = {
  to_string: {
    type: 'string',
    description: 'The whole response, head and body.',
    needs: content,
    read({ response }) {
      const code = response.status || 200;
      const reason = response.statusText || (STATUS_CODES[code] ?? '');
      return wireText(`HTTP/1.1 ${code} ${reason}`, response);
    },
  },
  status,
  code: status,
  status_code: status,
  header: {
    type: 'object',
    description:
      'Header fields, by name in any case; one that is not there is empty. Set, a name is sent as it is written.',
    ...headerRule(responseOf),
  },
  content_type: {
    type: 'string',
    description: 'Media type of the body.',
    read: ({ response }) => response.headers.get('content-type') ?? '',
    set: ({ response }, value) => response.headers.set('Content-Type', fieldValue(textOf(value))),
  },
  body: { type: 'string', description: 'The body as text.', ...bodyRule(responseOf, content) },
  body_json: {
    type: 'object',
    description:
      'The body as JSON; what stands in it is named by its path, such as hits.hits.[0]._id.',
    ...bodyJsonRule(responseOf, json),
  },
  body_length: bodyLength,
  body_size: bodyLength,
};
