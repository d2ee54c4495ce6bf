import { defineFilter } from '../../flow/filter.ts';

interface HealthCheckParameters {
  readonly elasticsearch: string;
  readonly interval: number;
}

export default defineFilter<HealthCheckParameters>({
  name: 'elasticsearch_health_check',
  summary: 'Has the nodes of a cluster checked now, without waiting for the next regular check.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['elasticsearch'],
    properties: {
      elasticsearch: {
        type: 'string',
        references: 'cluster',
        description: 'Name of the cluster.',
        examples: ['prod'],
      },
      interval: {
        type: ['string', 'number'],
        duration: true,
        default: '1s',
        description:
          'Time between two checks at least, however many requests come by; never under a second.',
        examples: [5, '10s'],
      },
    },
  },
  create({ elasticsearch, interval }, services) {
    const cluster = services.watchedCluster(elasticsearch);
    let next = 0;

    return function elasticsearchHealthCheck() {
      const now = performance.now();
      if (now < next) return;
      next = now + interval;
      cluster.checkSoon?.();
    };
  },
});
