import { defineAdmissionFilter } from './allow-deny.ts';

type Fields = Readonly<Record<string, string>>;

export default defineAdmissionFilter<Fields>({
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
