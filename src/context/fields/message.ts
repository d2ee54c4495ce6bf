import type { RequestContext } from '../../http/context.ts';
import { GatewayError } from '../../errors.ts';
import { isToken } from '../../http/headers/syntax.ts';
import type { FieldRule } from './rule.ts';
import { type JsonPath, parseJsonPath } from '../../http/json/path.ts';
import type { Message } from '../../http/message.ts';
import type { Needs } from '../requirements.ts';
import { fieldValue } from '../../http/target.ts';
import { jsonOf, textOf } from '../value.ts';

type MessageOf = (context: RequestContext) => Message;

/**
 * `header`, and `header.NAME` below it, which is '' when it is not there. Names are found in any case
 * and set as they are written.
 */
export function headerRule(messageOf: MessageOf): FieldRule {
  return {
    read: (context) => allHeaders(messageOf(context)),
    below(name) {
      const read = (context: RequestContext): string =>
        messageOf(context).headers.getJoined(name) ?? '';
      // What is no name of a field can be asked for, and never be there.
      if (!isToken(name)) return { read };
      return {
        read,
        set(context, value) {
          const { headers } = messageOf(context);
          if (value === undefined || value === null) headers.remove(name);
          else headers.set(name, fieldValue(textOf(value)));
        },
      };
    },
  };
}

/** `body`: text. */
export function bodyRule(messageOf: MessageOf, needs: Needs): FieldRule {
  return {
    needs,
    read: (context) => messageOf(context).content.text,
    set: (context, value) => messageOf(context).setBody(Buffer.from(textOf(value))),
  };
}

/** `body_json`, and `body_json.PATH` below it. */
export function bodyJsonRule(messageOf: MessageOf, needsOf: (path: JsonPath) => Needs): FieldRule {
  return {
    needs: needsOf([]),
    read: (context) => messageOf(context).readJson([]),
    set: (context, value) => messageOf(context).setBody(Buffer.from(JSON.stringify(value ?? null))),
    below(rest) {
      const path = parseJsonPath(rest);
      const needs = needsOf(path);
      return {
        needs,
        setNeeds: needs,
        fromText: jsonOf,
        read: (context) => messageOf(context).readJson(path),
        set(context, value) {
          if (messageOf(context).writeJson(path, value)) return;
          const reason = 'the body is not JSON, so nothing can be set in it';
          throw new GatewayError('REQUEST_MALFORMED', { reason });
        },
      };
    },
  };
}

/** `body_length`: bytes as they are transferred. */
export function bodyLengthRule(messageOf: MessageOf, needs: Needs): FieldRule {
  return { needs, read: (context) => messageOf(context).length };
}

function allHeaders(message: Message): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  message.headers.forEach((name, value) => {
    all[name] = name in all ? `${all[name]}, ${value}` : value;
  });
  return all;
}

/** Head and body as text. */
export function wireText(startLine: string, message: Message): string {
  let text = `${startLine}\r\n`;
  message.headers.forEach((name, value) => {
    text += `${name}: ${value}\r\n`;
  });
  return `${text}\r\n${message.content.text}`;
}
