import { GatewayError } from '../../errors.ts';
import { illegalTrailer } from '../headers/trailers.ts';

/** What is wrong with a body's trailers; null when they may pass. */
export function trailerRefusal(trailers: readonly string[]): GatewayError | null {
  const name = illegalTrailer(trailers);
  return name === null ? null : malformed(`${name} in trailers`);
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}
