import { GatewayError } from '../../errors.ts';
import type { RequestContext } from '../../http/context.ts';
import { type Credentials, parseBasicAuth } from '../../http/basic-auth.ts';
import type { DocumentedRule, FieldRule, FieldTable } from './rule.ts';
import { bodyJsonRule, bodyLengthRule, bodyRule, headerRule, wireText } from './message.ts';
import type { JsonPath } from '../../http/json/path.ts';
import type { Needs } from '../requirements.ts';
import {
  readArgument,
  readArguments,
  readLastArgument,
  withArgument,
} from '../../http/query-args.ts';
import {
  decodePath,
  encodePath,
  encodeTarget,
  fieldValue,
  withoutEndSlash,
} from '../../http/target.ts';
import { textOf } from '../value.ts';

const content: Needs = { requestBody: 'content', responseBody: 'nothing' };
const json = (path: JsonPath): Needs => ({ ...content, requestJson: [path] });
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

/** A name is the same with a dot at its end. */
function hostnameOf(authority: string): string {
  const name = authority.toLowerCase().replace(/:\d*$/, '');
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

const path: FieldRule = {
  read: ({ request }) => decodePath(request.path),
  alike: ({ request }) =>
    request.path.endsWith('/') ? withoutEndSlash(decodePath(request.path)) : undefined,
  set({ request }, value) {
    const { query } = request;
    const written = encodePath(textOf(value));
    request.target = query === '' ? written : `${written}?${query}`;
  },
};

/** Set, it may be a complete URL or begin with a slash. */
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
    alike: ({ request }) => readLastArgument(request.query, name),
    set({ request }, value) {
      const text = value === undefined || value === null ? undefined : textOf(value);
      const query = withArgument(request.query, name, text);
      request.target = query === '' ? request.path : `${request.path}?${query}`;
    },
  }),
};

const pathArgs: FieldRule = {
  read: ({ pathVariables }) => pathVariables ?? {},
  below: (name) => ({
    read: ({ pathVariables }) =>
      pathVariables !== null && Object.hasOwn(pathVariables, name) ? pathVariables[name] : '',
  }),
};

const username: DocumentedRule = {
  type: 'string',
  description: 'Name of the user, of basic authentication.',
  read: ({ request }) => credentialsOf(request)?.username ?? '',
};

const bodyLength: DocumentedRule = {
  type: 'integer',
  description: 'Bytes of the body, as it is transferred.',
  ...bodyLengthRule(requestOf, length),
};

/** `_ctx.request.…`; a text that the request does not have is ''. */
export const requestFields: FieldTable = {
  to_string: {
    type: 'string',
    description: 'The whole request, head and body.',
    needs: content,
    read: ({ request }) => wireText(`${request.method} ${request.target} HTTP/1.1`, request),
  },
  host: { type: 'string', description: 'Host that the request is for, with its port.', ...host },
  hostname: {
    type: 'string',
    description:
      'Host that the request is for, without its port, in small letters: what tells sites of several names apart.',
    read: ({ request }) => hostnameOf(request.headers.get('host') ?? ''),
  },
  method: { type: 'string', description: 'Method of the request.', ...method },
  uri: { type: 'string', description: 'Complete URL of the request.', ...uri },
  target: {
    type: 'string',
    description: 'Path and query as they were sent, such as /a%20b?c=d.',
    read: ({ request }) => request.target,
  },
  path: {
    type: 'string',
    description:
      'Path of the request without its query. Percent-encoding is undone, but for / and %, and repeated slashes are one. What decides by the path (conditions, context_filter, context_switch, limiters) takes /a/ for /a as well, because Elasticsearch does; _ctx.request.uri tells the two apart.',
    ...path,
  },
  query_args: {
    type: 'object',
    description:
      'Arguments in the query, by name; one that is not there is empty, and of several with one name the first counts. What decides by an argument (conditions, context_filter, context_switch, limiters) takes the last one as well, and one after `;`, because Elasticsearch does.',
    ...queryArgs,
  },
  path_args: {
    type: 'object',
    description:
      "What the variables of the pattern of the router's rule stand for, by name. The name alone will do, unless a filter has set a variable of that name.",
    ...pathArgs,
  },
  username,
  user: username,
  password: {
    type: 'string',
    description: 'Password of the user, of basic authentication.',
    read: ({ request }) => credentialsOf(request)?.password ?? '',
  },
  client_ip: {
    type: 'string',
    description: "The client's IP address.",
    read: ({ client }) => client.remoteAddress,
  },
  header: {
    type: 'object',
    description:
      'Header fields, by name in any case; one that is not there is empty. Set, a name is sent as it is written.',
    ...headerRule(requestOf),
  },
  body: { type: 'string', description: 'The body as text.', ...bodyRule(requestOf, content) },
  body_json: {
    type: 'object',
    description:
      'The body as JSON; what stands in it is named by its path, such as query.bool.must.[1].match. Comments and a byte order mark are taken as Elasticsearch takes them. A body that cannot be read as JSON is answered with 400, because a node may read in it what a condition did not: YAML, CBOR and SMILE, other encodings than UTF-8, a name twice, more than 1,000 levels, several values. An empty body, uploads and forms by their Content-Type, and the lines of _bulk and _msearch have no fields. `unreadable_json: ignore` of the flow lets every body pass.',
    ...bodyJsonRule(requestOf, json),
  },
  body_length: bodyLength,
  body_size: bodyLength,
};

function credentialsOf(request: RequestContext['request']): Credentials | undefined {
  return parseBasicAuth(request.headers.get('authorization'));
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}
