import { compileNetworks } from '../../context/networks.ts';
import { defineLimiterFilter } from './limiter.ts';

interface ClientIpLimiterParameters {
  readonly ip?: readonly string[];
}

export default defineLimiterFilter<ClientIpLimiterParameters>({
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
