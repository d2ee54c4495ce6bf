import type { FieldTable } from './rule.ts';

/** `_ctx.upstream.…` */
export const upstreamFields: FieldTable = {
  cluster: {
    type: 'string',
    description: 'Name of the cluster that the request was last sent to; empty for none.',
    read: ({ forward }) => forward?.cluster ?? '',
  },
  node: {
    type: 'string',
    description: 'Address of the node that was asked last, such as http://10.0.0.1:9200.',
    read: ({ forward }) => forward?.node ?? '',
  },
  elapsed: {
    type: 'integer',
    description: 'Milliseconds that the cluster took until the head of its response was here.',
    read: ({ forward }) => Math.round(forward?.elapsedMs ?? 0),
  },
  retries: {
    type: 'integer',
    description: 'How many times the request was sent again.',
    read: ({ forward }) => forward?.repetitions ?? 0,
  },
};
