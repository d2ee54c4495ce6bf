import type { GatewayRequest, RequestContext } from '../../http/context.ts';
import { type Replacement, withReplacements } from '../../http/json/edit.ts';
import { JsonFault } from '../../http/json/fault.ts';
import type { JsonPlace } from '../../http/json/place.ts';
import { JsonScan, scanInTurns } from '../../http/json/scan.ts';
import { readArgument, withArgument } from '../../http/query-args.ts';

/** A topology is read in memory to be rewritten, up to here, bytes. */
const largest = 32 << 20;
/** Formats of Elasticsearch that are no text. */
const binary = /cbor|smile/i;

/** Whether a request asks for what tells the addresses of nodes. */
export function asksForTopology(method: string, path: string): boolean {
  return method === 'GET' && /^\/_nodes(?:\/|$)/.test(path);
}

/** Has a node answer in JSON where CBOR or SMILE was asked for, in which no address can be replaced. */
export function askForText(request: GatewayRequest): void {
  const { headers, query } = request;
  if (binary.test(headers.getJoined('accept') ?? '')) headers.set('Accept', 'application/json');
  if (!binary.test(readArgument(query, 'format') ?? '')) return;
  const rest = withArgument(query, 'format', undefined);
  request.target = rest === '' ? request.path : `${request.path}?${rest}`;
}

/**
 * Puts `address` in place of every node's HTTP address, so that clients which ask for the nodes of
 * the cluster go on to use the gateway. No other byte of the answer changes, and what is no such
 * answer stays as it is.
 */
export async function publishInstead(context: RequestContext, address: string): Promise<void> {
  const { response } = context;
  const type = response.headers.get('content-type') ?? '';
  const isYaml = /yaml/i.test(type);
  if (response.status !== 200 || (!isYaml && !/json|^$/i.test(type))) return;
  await response.readContent(largest);
  const bytes = response.content.toBuffer();
  const replacements = isYaml
    ? addressesInYaml(bytes, address)
    : await addressesInJson(bytes, address, () => context.aborted);
  if (replacements.length > 0) response.setBody(withReplacements(bytes, replacements));
}

async function addressesInJson(
  bytes: Buffer,
  address: string,
  isGone: () => boolean,
): Promise<Replacement[]> {
  const text = JSON.stringify(address);
  const places = await placesOfNodes(bytes, isGone);
  return places.flatMap(({ published, bound }) => [
    ...(published.found ? [{ start: published.start, end: published.end, text }] : []),
    ...(bound.found ? [{ start: bound.start, end: bound.end, text: `[${text}]` }] : []),
  ]);
}

/** Where the addresses of the nodes stand; none in what is no JSON. */
async function placesOfNodes(
  bytes: Buffer,
  isGone: () => boolean,
): Promise<{ published: JsonPlace; bound: JsonPlace }[]> {
  try {
    const names = new JsonScan(bytes, [['nodes']]);
    const nodes = names.root.along(['nodes'])[1] as JsonPlace;
    nodes.names = [];
    await scanInTurns(names, isGone);
    const paths = nodes.names.map((id) => {
      const http = ['nodes', id, 'http'];
      return { published: [...http, 'publish_address'], bound: [...http, 'bound_address'] };
    });
    const scan = new JsonScan(
      bytes,
      paths.flatMap(({ published, bound }) => [published, bound]),
    );
    await scanInTurns(scan, isGone);
    return paths.map(({ published, bound }) => ({
      published: scan.root.along(published).at(-1) as JsonPlace,
      bound: scan.root.along(bound).at(-1) as JsonPlace,
    }));
  } catch (error) {
    if (error instanceof JsonFault) return [];
    throw error;
  }
}

/** The same in YAML as Elasticsearch writes it: a level is two blanks, and a list has a line an item. */
function addressesInYaml(bytes: Buffer, address: string): Replacement[] {
  const text = JSON.stringify(address);
  const replacements: Replacement[] = [];
  // One character a byte, so that offsets are those of bytes.
  const lines = bytes.toString('latin1').matchAll(/^( *)(- )?(?:"?([\w.-]+)"?:)? *(.*)$/gm);
  const names: string[] = [];
  /** The list that has its new item. */
  let listed = '';
  for (const { index, 0: line, 1: blanks = '', 2: item, 3: name = '', 4: value = '' } of lines) {
    const within = names.join('.');
    if (item !== undefined) {
      if (!/^nodes\.[^.]+\.http\.bound_address$/.test(within)) continue;
      const isFirst = listed !== within;
      listed = within;
      // The items after the first one go, each with the end of its line.
      replacements.push(
        isFirst
          ? { start: index, end: index + line.length, text: `${blanks}- ${text}` }
          : { start: index - 1, end: index + line.length, text: '' },
      );
      continue;
    }
    if (name === '') continue;
    names.length = Math.min(names.length, blanks.length / 2);
    names.push(name.replaceAll('.', '_'));
    const end = index + line.length;
    if (/^nodes\.[^.]+\.http\.publish_address$/.test(names.join('.')) && value !== '') {
      replacements.push({ start: end - value.length, end, text });
    }
  }
  return replacements;
}
