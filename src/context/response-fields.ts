import type { RequestContext } from './context.ts';
import type { FieldRule, FieldTable } from './field.ts';
import { bodyJsonRule, bodyLengthRule, bodyRule, headerRule, wireText } from './message-fields.ts';
import type { Needs } from './needs.ts';
import { fieldValue } from './target.ts';
import { numberOf, textOf } from './value.ts';
import { STATUS_CODES } from '../node-http.ts';

const content: Needs = { requestBody: 'nothing', responseBody: 'content' };
const length: Needs = { requestBody: 'nothing', responseBody: 'length' };

const responseOf = (context: RequestContext) => context.response;

const status: FieldRule = {
  // What the client gets when nobody gives another.
  read: ({ response }) => response.status || 200,
  set({ response }, value) {
    const code = numberOf(value);
    if (!Number.isInteger(code) || code < 200 || code > 999) {
      throw new RangeError(`${textOf(value)} is no status of a response`);
    }
    response.status = code;
    response.statusText = '';
  },
};

/** `_ctx.response.…` */
export const responseFields: FieldTable = {
  to_string: {
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
  header: headerRule(responseOf),
  content_type: {
    read: ({ response }) => response.headers.get('content-type') ?? '',
    set: ({ response }, value) => response.headers.set('Content-Type', fieldValue(textOf(value))),
  },
  body: bodyRule(responseOf, content),
  body_json: bodyJsonRule(responseOf, content),
  body_length: bodyLengthRule(responseOf, length),
  body_size: bodyLengthRule(responseOf, length),
};
