/** Fields that speak of one connection only, and those that a transport writes itself. */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Fields of a request that are not passed on besides: the gateway has dealt with them. */
const ofRequest: ReadonlySet<string> = new Set(['content-length', 'expect', 'host']);

const longest = 19;

/** Names that Connection fields list beyond the usual options; null when there are none. */
function namedByConnection(raw: readonly string[]): Set<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    for (const option of (raw[i + 1] as string).toLowerCase().split(',')) {
      const field = option.trim();
      if (field === 'close' || field === 'keep-alive' || field === 'upgrade') continue;
      named ??= new Set();
      named.add(field);
    }
  }
  return named;
}

/**
 * The fields of a request that go to a node: Host first (its value is `headers[1]`), then all that
 * do not concern the client's connection alone, in their order.
 * @param host value of Host
 * @param authorization value of Authorization if the client sent none
 */
export function requestFields(
  raw: readonly string[],
  host: string,
  authorization: string | null,
): string[] {
  const named = namedByConnection(raw);
  const fields = ['Host', host];
  let authorized = authorization === null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length <= longest || named !== null) {
      const lower = name.toLowerCase();
      if (ofConnection.has(lower) || ofRequest.has(lower) || named?.has(lower)) continue;
      if (lower === 'authorization') authorized = true;
    }
    fields.push(name, raw[i + 1] as string);
  }
  if (!authorized) fields.push('Authorization', authorization as string);
  return fields;
}

/** Takes the fields that concern the node's connection alone out of a response's. */
export function stripResponseFields(raw: string[]): string[] {
  const named = namedByConnection(raw);
  let kept = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length <= longest || named !== null) {
      const lower = name.toLowerCase();
      if (ofConnection.has(lower) || named?.has(lower)) continue;
    }
    raw[kept++] = name;
    raw[kept++] = raw[i + 1] as string;
  }
  raw.length = kept;
  return raw;
}
