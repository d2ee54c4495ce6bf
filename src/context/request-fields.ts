import { GatewayError } from '../errors.ts';
import type { RequestContext } from './context.ts';
import { type Credentials, parseBasicAuth } from './credentials.ts';
import type { FieldRule, FieldTable } from './field.ts';
import { bodyJsonRule, bodyLengthRule, bodyRule, headerRule, wireText } from './message-fields.ts';
import type { Needs } from './needs.ts';
import { readArgument, readArguments, withArgument } from './query-args.ts';
import { decodePath, encodePath, encodeTarget, fieldValue } from './target.ts';
import { textOf } from './value.ts';

const content: Needs = { requestBody: 'content', responseBody: 'nothing' };
const length: Needs = { requestBody: 'length', responseBody: 'nothing' };

const requestOf = (context: RequestContext) => context.request;

const method: FieldRule = {
  read: ({ request }) => request.method,
  set({ request }, value) {
    const name = textOf(value);
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw malformed(`"${name}" is no method`);
    request.method = name;
  },
};

const host: FieldRule = {
  read: ({ request }) => request.headers.get('host') ?? '',
  set({ request }, value) {
    const name = fieldValue(textOf(value));
    if (!/^[^\s/?#@]+$/.test(name)) throw malformed(`"${name}" is no host`);
    request.headers.set('Host', name);
  },
};

const path: FieldRule = {
  read: ({ request }) => decodePath(request.path),
  set({ request }, value) {
    const { query } = request;
    const written = encodePath(textOf(value));
    request.target = query === '' ? written : `${written}?${query}`;
  },
};

/** The complete URL; set, it may be that or begin with a slash. */
const uri: FieldRule = {
  read: ({ client, request }) =>
    `${client.tls ? 'https' : 'http'}://${request.headers.get('host') ?? ''}${request.target}`,
  set(context, value) {
    const text = textOf(value);
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(text);
    if (absolute !== null) host.set?.(context, absolute[1]);
    context.request.target = encodeTarget(absolute === null ? text : (absolute[2] as string));
  },
};

const queryArgs: FieldRule = {
  read: ({ request }) => readArguments(request.query),
  below: (name) => ({
    read: ({ request }) => readArgument(request.query, name) ?? '',
    set({ request }, value) {
      const text = value === undefined || value === null ? undefined : textOf(value);
      const query = withArgument(request.query, name, text);
      request.target = query === '' ? request.path : `${request.path}?${query}`;
    },
  }),
};

/** What the variables in the pattern of the router's rule stand for. */
const pathArgs: FieldRule = {
  read: ({ pathVariables }) => pathVariables ?? {},
  below: (name) => ({
    read: ({ pathVariables }) =>
      pathVariables !== null && Object.hasOwn(pathVariables, name) ? pathVariables[name] : '',
  }),
};

const username: FieldRule = { read: ({ request }) => credentialsOf(request)?.username ?? '' };
const clientIp: FieldRule = { read: ({ client }) => client.remoteAddress };

/** `_ctx.request.…`; a text that the request does not have is ''. */
export const requestFields: FieldTable = {
  to_string: {
    needs: content,
    read: ({ request }) => wireText(`${request.method} ${request.target} HTTP/1.1`, request),
  },
  host,
  method,
  uri,
  path,
  query_args: queryArgs,
  path_args: pathArgs,
  username,
  user: username,
  password: { read: ({ request }) => credentialsOf(request)?.password ?? '' },
  client_ip: clientIp,
  header: headerRule(requestOf),
  body: bodyRule(requestOf, content),
  body_json: bodyJsonRule(requestOf, content),
  body_length: bodyLengthRule(requestOf, length),
  body_size: bodyLengthRule(requestOf, length),
};

function credentialsOf(request: RequestContext['request']): Credentials | undefined {
  return parseBasicAuth(request.headers.get('authorization'));
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}
