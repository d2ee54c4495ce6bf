import { defineAdmissionFilter } from './allow-deny.ts';

export default defineAdmissionFilter<string>({
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
