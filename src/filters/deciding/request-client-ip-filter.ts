import { compileNetworks } from '../../context/networks.ts';
import { defineAdmissionFilter } from './allow-deny.ts';

export default defineAdmissionFilter<string>({
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
