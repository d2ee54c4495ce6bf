import { textOf } from '../context/value.ts';
import { defineAdmissionFilter } from '../flow/admission-filter.ts';

type Fields = Readonly<Record<string, string | number | boolean>>;

export default defineAdmissionFilter<Fields>({
  name: 'request_header_filter',
  summary: 'Lets requests through by their header fields.',
  noun: 'header fields',
  item: {
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    description: 'Names and values; a request has to have all that stand together.',
  },
  examples: [{ TRACE: true }],
  compile(items) {
    const wanted = items.map((fields) =>
      Object.entries(fields).map(([name, value]) => [name, textOf(value)] as const),
    );
    return ({ request: { headers } }) =>
      wanted.some((fields) =>
        fields.every(([name, value]) => headers.getAll(name).includes(value)),
      );
  },
});
