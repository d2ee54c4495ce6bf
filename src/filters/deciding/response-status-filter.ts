import { defineAdmissionFilter } from './allow-deny.ts';

export default defineAdmissionFilter<number>({
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
