import { compileNetworks } from '../context/network.ts';
import { defineFilter } from '../flow/filter.ts';
import {
  type Allowance,
  allowanceProperties,
  checkAllowance,
  checkInterval,
  compileLimiter,
  type LimiterParameters,
  limiterProperties,
  openAllowance,
} from '../flow/limiting.ts';

interface ClientIpLimiterParameters extends LimiterParameters, Allowance {
  readonly ip?: readonly string[];
}

export default defineFilter<ClientIpLimiterParameters>({
  name: 'request_client_ip_limiter',
  summary: "Limits how much passes for each client's IP address.",
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ip: {
        type: 'array',
        items: { type: 'string', syntax: 'network' },
        description: 'Addresses and networks that are limited; all without it.',
        examples: [['127.0.0.1', '10.0.0.0/8']],
      },
      ...allowanceProperties,
      ...limiterProperties,
    },
  },
  check: (parameters) => [...checkAllowance(parameters), ...checkInterval(parameters)],
  create(parameters, services) {
    const { ip = [] } = parameters;
    const isLimited = ip.length > 0 ? compileNetworks(ip) : () => true;
    const allowing = openAllowance(parameters, parameters.interval, services);
    const limit = compileLimiter(parameters, services);

    return function requestClientIpLimiter(context) {
      const { remoteAddress } = context.client;
      if (isLimited(remoteAddress)) return limit(context, remoteAddress, allowing);
    };
  },
});
