import { readsByMethod } from '../cluster.ts';

/** Elasticsearch's POSTs that change nothing, by the first path segment that begins with `_`. */
const readingEndpoints: ReadonlySet<string> = new Set([
  '_search',
  '_msearch',
  '_count',
  '_mget',
  '_field_caps',
  '_explain',
  '_validate',
  '_analyze',
  '_termvectors',
  '_mtermvectors',
  '_rank_eval',
  '_render',
  '_knn_search',
  '_search_shards',
]);

/**
 * Whether a request to Elasticsearch only reads. Scrolling does not: it moves a cursor on, and
 * asking twice loses a page.
 */
export function readsOfElasticsearch(method: string, target: string): boolean {
  const reading = readsByMethod(method);
  if (!reading && method !== 'POST') return false;
  const mark = target.indexOf('?');
  const segments = (mark < 0 ? target : target.slice(0, mark)).split('/');
  const index = segments.findIndex((segment) => segment.startsWith('_') && segment !== '_all');
  if (index < 0) return reading;
  const endpoint = segments[index] as string;
  const below = segments[index + 1] ?? '';
  if (endpoint === '_search' && below === 'scroll') return false;
  if (reading) return true;
  if (!readingEndpoints.has(endpoint)) return false;
  if (endpoint === '_search' || endpoint === '_msearch')
    return below === '' || below === 'template';
  return true;
}
