import { compileNetworks } from '../../context/networks.ts';
import { defineAdmissionFilter } from './allow-deny.ts';

export const requestMethodFilter = defineAdmissionFilter<string>({
  name: 'request_method_filter',
  summary: 'Lets requests through by their method.',
  noun: 'methods',
  item: { type: 'string', pattern: '^\\S+$' },
  examples: ['GET', 'HEAD'],
  compile(methods) {
    const wanted = new Set(methods.map((method) => method.toUpperCase()));
    return ({ request }) => wanted.has(request.method);
  },
});

export const requestHeaderFilter = defineAdmissionFilter<Readonly<Record<string, string>>>({
  name: 'request_header_filter',
  summary: 'Lets requests through by their header fields.',
  noun: 'header fields',
  item: {
    type: 'object',
    additionalProperties: { type: 'string' },
    description:
      'Names and values; each pair counts by itself, and a field that is not there is empty.',
  },
  examples: [{ TRACE: 'true' }],
  compile(items) {
    const wanted = items.flatMap((fields) => Object.entries(fields));
    return ({ request: { headers } }) =>
      wanted.some(
        ([name, value]) =>
          headers.getAll(name).includes(value) || (value === '' && !headers.has(name)),
      );
  },
});

export const requestClientIpFilter = defineAdmissionFilter<string>({
  name: 'request_client_ip_filter',
  summary: "Lets requests through by the client's IP address.",
  noun: 'addresses and networks',
  item: { type: 'string', syntax: 'network' },
  examples: ['192.168.3.67', '10.0.0.0/8'],
  compile(networks) {
    const isWithin = compileNetworks(networks);
    return ({ client }) => isWithin(client.remoteAddress);
  },
});

export const responseStatusFilter = defineAdmissionFilter<number>({
  name: 'response_status_filter',
  summary: 'Lets responses through by their status.',
  noun: 'statuses',
  item: { type: 'integer', minimum: 100, maximum: 999 },
  examples: [200, 201],
  compile(statuses) {
    const wanted = new Set(statuses);
    // Before anybody has given a status it is the one that the client would get.
    return ({ response }) => wanted.has(response.status || 200);
  },
});
