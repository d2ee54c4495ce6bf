import { compileNetworks } from '../../context/networks.ts';
import { textOf } from '../../context/value.ts';
import { defineLimiterFilter } from './limiter.ts';

interface ClientIpLimiterParameters {
  readonly ip?: readonly string[];
}

export const requestClientIpLimiter = defineLimiterFilter<ClientIpLimiterParameters>({
  name: 'request_client_ip_limiter',
  summary: "Limits how much passes for each client's IP address.",
  properties: {
    ip: {
      type: 'array',
      items: { type: 'string', syntax: 'network' },
      description: 'Addresses and networks that are limited; all without it.',
      examples: [['127.0.0.1', '10.0.0.0/8']],
    },
  },
  compile({ ip = [] }) {
    const isLimited = ip.length > 0 ? compileNetworks(ip) : () => true;
    return ({ client: { remoteAddress } }) =>
      isLimited(remoteAddress) ? remoteAddress : undefined;
  },
});

interface ContextLimiterParameters {
  readonly context: readonly string[];
}

export const contextLimiter = defineLimiterFilter<ContextLimiterParameters>({
  name: 'context_limiter',
  summary: 'Limits how much passes for each combination of values of the context.',
  required: ['context'],
  properties: {
    context: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', syntax: 'field' },
      description: 'The values. Requests for which all of them are the same count together.',
      examples: [['_ctx.request.path', '_ctx.request.header.Host']],
    },
  },
  compile({ context: names }, services) {
    const fields = names.map((name) => services.field(name));
    return (context) => {
      let key = '';
      for (const { read, alike } of fields) {
        const text = alike?.(context) ?? textOf(read(context));
        // The length keeps `a`, `bc` and `ab`, `c` apart.
        key += `${text.length}:${text}`;
      }
      return key;
    };
  },
});
