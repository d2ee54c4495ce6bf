/**
 * A stand-in for an Elasticsearch node, just large enough to try the gateway on: it knows who it is,
 * indexes documents in memory, and finds them again.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Indices = Map<string, Map<string, unknown>>;

/** Starts the backend on a free port of this machine; resolves to its origin. */
export async function startDemoBackend(): Promise<{ origin: string; server: Server }> {
  const indices: Indices = new Map();
  const server = createServer((request, response) => void answer(indices, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, server };
}

async function answer(
  indices: Indices,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const { pathname } = new URL(request.url ?? '/', 'http://demo');
  const [index, action, id] = pathname.slice(1).split('/');
  let [status, result]: [number, unknown] = [404, { error: 'not found', status: 404 }];
  try {
    if (!index) [status, result] = [200, { name: 'demo', tagline: 'You Know, for Search' }];
    else if (index === '_bulk' || action === '_bulk') {
      [status, result] = [200, bulk(indices, index, body)];
    } else if (action === '_doc') [status, result] = document(indices, request, index, id, body);
    else if (action === '_search') [status, result] = [200, search(indices, index)];
  } catch {
    [status, result] = [400, { error: 'the body is not what this path takes', status: 400 }];
  }
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(result)}\n`);
}

function documentsOf(indices: Indices, index: string): Map<string, unknown> {
  let documents = indices.get(index);
  if (!documents) indices.set(index, (documents = new Map()));
  return documents;
}

function document(
  indices: Indices,
  { method }: IncomingMessage,
  index: string,
  id: string | undefined,
  body: string,
): [number, unknown] {
  const documents = documentsOf(indices, index);
  const _id = id ?? `${documents.size + 1}`;
  if (method === 'GET') {
    const _source = documents.get(_id);
    if (_source === undefined) return [404, { _index: index, _id, found: false }];
    return [200, { _index: index, _id, found: true, _source }];
  }
  documents.set(_id, JSON.parse(body));
  return [201, { _index: index, _id, result: 'created' }];
}

function bulk(indices: Indices, index: string, body: string): unknown {
  const lines = body.split('\n').filter((line) => line.trim() !== '');
  const items = [];
  for (let i = 0; i < lines.length; i += 2) {
    const [[action, target] = ['index', {}]] = Object.entries<{ _index?: string; _id?: string }>(
      JSON.parse(lines[i] ?? '{}'),
    );
    const _index = target._index ?? index;
    const documents = documentsOf(indices, _index);
    const _id = target._id ?? `${documents.size + 1}`;
    documents.set(_id, JSON.parse(lines[i + 1] ?? 'null'));
    items.push({ [action]: { _index, _id, status: 201 } });
  }
  return { took: 1, errors: false, items };
}

function search(indices: Indices, index: string): unknown {
  const hits = [...(indices.get(index) ?? [])].map(([_id, _source]) => ({
    _index: index,
    _id,
    _source,
  }));
  return { took: 1, hits: { total: { value: hits.length, relation: 'eq' }, hits } };
}
