import type { HeaderList } from '../headers/header-list.ts';

/** Elasticsearch reads these by other rules than JSON's, also when the body looks like JSON. */
const otherFormats = /ya?ml|cbor|smile/i;
const json = /json|javascript/i;
const type = /^\s*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)\s*(?:;|$)/;

/** Media types of bodies that nobody reads as JSON; those of `application` by name. */
const foreign =
  /^(?:audio|font|image|message|model|multipart|text|video)\/(?!\*)|^application\/(?:octet-stream|x-www-form-urlencoded|pdf|wasm|zip|gzip|zstd|x-(?:gzip|tar|protobuf|7z-compressed)|protobuf|vnd\.google\.protobuf|grpc.*|xml|.*\+(?:xml|proto|zip))$/i;
/** Types that clients set without a thought, whatever the body is. */
const thoughtless = /^(?:text\/plain|application\/x-www-form-urlencoded)$/i;

const bulkPath =
  /^\/*(?:(?:(?:_all|[^/_][^/]*)\/+(?:[^/_][^/]*\/+)?)?_(?:bulk|msearch(?:\/+template)?)|_monitoring\/+bulk)\/*$/;

/** The format that the message's fields name, if it is one that is not to be read as JSON. */
export function formatOf(headers: HeaderList): string | undefined {
  const named = headers.getJoined('content-type');
  return named === undefined ? undefined : otherFormats.exec(named)?.[0].toUpperCase();
}

/**
 * Whether a body that cannot be read as JSON may be JSON, or something like it, for the one that it is
 * sent to. Not an upload or a form, and not the lines of a bulk request.
 */
export function mustBeJson(path: string, headers: HeaderList, start: Buffer): boolean {
  if (isBulk(path)) return false;
  const named = headers.getAll('content-type');
  const [only = ''] = named;
  if (named.length !== 1 || json.test(only) || otherFormats.test(only)) return true;
  const media = type.exec(only)?.[1];
  if (media === undefined || !foreign.test(media)) return true;
  return thoughtless.test(media) && looksLikeJson(start);
}

/** Whether the path is one of Elasticsearch's that take a JSON value a line. */
function isBulk(path: string): boolean {
  return bulkPath.test(path);
}

function looksLikeJson(start: Buffer): boolean {
  // UTF-16 and UTF-32 begin with a mark, or hold zeros.
  if (start.includes(0) || start[0] === 0xff || start[0] === 0xfe) return true;
  return /^(?:\u00ef\u00bb\u00bf)?[\s]*[[{/]/.test(start.toString('latin1'));
}
