import { healthCheck } from '../../config/schema/clusters/health-check.ts';
import { upstreamHttp2, upstreamTls } from '../../config/schema/clusters/tls.ts';
import type { HealthCheckConfig, UpstreamTlsConfig } from '../../config/types.ts';
import type { FilterProblem } from '../../dialect.ts';
import { defineFilter } from '../../flow/filter.ts';
import {
  connectionsOf,
  forwardOptionsOf,
  type ForwardParameters,
  forwardProperties,
} from './parameters.ts';
import { readTlsFiles } from '../../cluster/transport/tls-files.ts';
import { readsByMethod } from '../../cluster/cluster.ts';

interface HttpParameters extends ForwardParameters {
  readonly schema: 'http' | 'https';
  readonly name?: string;
  readonly host?: string;
  readonly hosts?: readonly string[];
  readonly skip_failure_host: boolean;
  readonly health_check: HealthCheckConfig;
  readonly tls: Partial<UpstreamTlsConfig>;
  readonly http2: boolean;
}

/** `scheme://host:port`, or null for what is not host and port. */
function originOf(schema: string, host: string): string | null {
  if (!/^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.test(host)) return null;
  const url = `${schema}://${host}`;
  return URL.canParse(url) ? new URL(url).origin : null;
}

function wrong(text: string): string {
  return `expected host:port, such as localhost:9200, not "${text}"`;
}

export default defineFilter<HttpParameters>({
  name: 'http',
  summary: 'Forwards the request to an HTTP server, with the Host that the client sent.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      schema: {
        type: 'string',
        enum: ['http', 'https'],
        default: 'http',
        description: 'How to talk to the servers.',
      },
      name: {
        type: 'string',
        pattern: '^[\\w.:-]{1,100}$',
        description:
          'Name of the servers in metrics, logs and status; their addresses when it is absent.',
        examples: ['shop'],
      },
      host: {
        type: 'string',
        minLength: 1,
        description: 'Host and port of the server.',
        examples: ['192.168.3.98:5601'],
      },
      hosts: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', minLength: 1 },
        description:
          'Hosts and ports of several servers, which take turns. A host name is resolved by /etc/hosts and DNS and again when its TTL has passed; all its addresses get requests, and they are used on while the name servers do not answer.',
        examples: [['192.168.3.98:5601', '192.168.3.98:5602']],
      },
      skip_failure_host: {
        type: 'boolean',
        default: true,
        description: 'Whether a server that fails gets no requests for a while.',
      },
      health_check: {
        ...healthCheck,
        description:
          'Asking every server from time to time whether it is there, once for all workers. One that ' +
          'does not answer as expected (2xx and 3xx unless told otherwise) gets no requests until it ' +
          'does. One that takes no connection is down at once.',
        properties: {
          ...healthCheck.properties,
          enabled: { type: 'boolean', description: 'Whether servers are asked.', default: false },
          path: { ...healthCheck.properties?.['path'], examples: ['/health'] },
        },
      },
      max_retry_times: {
        type: 'integer',
        minimum: 0,
        default: 0,
        description:
          'How many times a request that only reads (GET, HEAD, OPTIONS) is repeated after a ' +
          'failure. A server that cannot be reached is passed over for the next in any case. After ' +
          'a timeout, or an answer that is not HTTP, the request does not go to the same server ' +
          'again, and after a timeout to one other at most.',
        examples: [3],
      },
      tls: { ...upstreamTls, description: 'How to talk to servers with schema: https.' },
      http2: upstreamHttp2,
      follow_redirects: {
        type: 'boolean',
        description: 'Follows a redirect of the server, in place of the client.',
        refused: 'is not supported: redirects are passed on to the client',
      },
      max_redirects_count: {
        type: 'integer',
        description: 'How many redirects are followed.',
        unsupported: 'has no effect: redirects are passed on to the client',
      },
      ...forwardProperties,
    },
  },
  check(parameters) {
    const { schema, host, hosts = [], tls, skip_failure_host, health_check } = parameters;
    const problems: FilterProblem[] = [];
    if (health_check.enabled && !skip_failure_host) {
      const message = 'checks have no effect with "skip_failure_host: false"';
      problems.push({ path: ['health_check'], message });
    }
    const isDecided = [
      tls.ca_file,
      tls.skip_insecure_verify,
      parameters.tls_insecure_skip_verify,
    ].some((one) => one !== undefined);
    if (schema === 'https' && !isDecided) {
      const message =
        'servers are not verified: whoever answers gets the requests, with the credentials in them; set "tls.ca_file", or "tls_insecure_skip_verify: false" for the authorities that Node.js trusts (true accepts any server)';
      problems.push({ path: ['schema'], message, warning: true });
    }
    if (host === undefined && hosts.length === 0) {
      problems.push({
        path: [],
        message: 'the filter needs "host" or "hosts", such as localhost:9200',
      });
    }
    if (host !== undefined && originOf(schema, host) === null) {
      problems.push({ path: ['host'], message: wrong(host) });
    }
    for (const [index, text] of hosts.entries()) {
      if (originOf(schema, text) === null) {
        problems.push({ path: ['hosts', index], message: wrong(text) });
      }
    }
    return problems;
  },
  create(parameters, services) {
    const { schema, host, hosts = [], skip_failure_host, health_check } = parameters;
    const all = host === undefined ? hosts : [host, ...hosts];
    const origins = new Set(all.map((text) => originOf(schema, text) as string));
    const cluster = services.ownCluster({
      name: parameters.name ?? [...origins].join(','),
      nodes: [...origins],
      weights: {},
      balancer: 'weight',
      basicAuth: null,
      ejectFailing: skip_failure_host,
      healthCheck: health_check,
      connections: {
        ...connectionsOf(parameters),
        tls: readTlsFiles(parameters.tls),
        allowH2: parameters.http2,
      },
    });
    const options = forwardOptionsOf(parameters, {
      host: 'client',
      tells: 'node',
      isRead: readsByMethod,
      retry: { onFailure: true, readsOnFailure: true, writesOnFailure: false, onBusy: false },
    });

    return function http(context) {
      return cluster.forward(context, options);
    };
  },
});
