import { GatewayError } from '../../errors.ts';

/** Fields that would change a message's meaning if they were taken from its trailers. */
const neverTrailing = [
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
];

const neverInRequests: ReadonlySet<string> = new Set(neverTrailing);

/** RFC 9110, 6.5.1: framing, routing, authentication, caching, and how the content is to be read. */
const neverInResponses: ReadonlySet<string> = new Set([
  ...neverTrailing,
  'age',
  'cache-control',
  'content-location',
  'date',
  'expires',
  'http2-settings',
  'location',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'retry-after',
  'set-cookie',
  'vary',
  'www-authenticate',
]);

/** What is wrong with a request's trailers; null when they may pass. */
export function trailerRefusal(trailers: readonly string[]): GatewayError | null {
  const name = illegalTrailer(trailers);
  if (name === null) return null;
  return new GatewayError('REQUEST_MALFORMED', { reason: `${name} in trailers` });
}

/** The name, in lower case, of the first field that may not be in a request's trailers; or null. */
function illegalTrailer(trailers: readonly string[]): string | null {
  for (let i = 0; i < trailers.length; i += 2) {
    const name = (trailers[i] as string).toLowerCase();
    if (neverInRequests.has(name)) return name;
  }
  return null;
}

/** The trailers of a response without those that clients must not be given. */
export function passedTrailers(
  trailers: readonly string[] | undefined,
): readonly string[] | undefined {
  if (trailers === undefined || trailers.length === 0) return trailers;
  const passed: string[] = [];
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string;
    if (!neverInResponses.has(name.toLowerCase())) passed.push(name, trailers[i + 1] as string);
  }
  return passed;
}
