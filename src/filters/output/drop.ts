import { drop } from '../routing/redirect-flow.ts';
import { defineFilter } from '../../flow/filter.ts';

export default defineFilter({
  name: 'drop',
  summary:
    'Ends the request here, with the response as it is; with an empty 200 when there is none.',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  create: () => drop,
});
