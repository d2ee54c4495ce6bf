import type { BodySource } from './body.ts';
import { PassingBody } from './passthrough.ts';

/** A response body of unknown length that fails when it becomes longer than allowed. */
export class LimitedBody extends PassingBody {
  readonly #exceeded: () => Error;
  #left: number;

  constructor(source: BodySource, limit: number, exceeded: () => Error) {
    super(source);
    this.#left = limit;
    this.#exceeded = exceeded;
  }

  override write(chunk: Buffer): boolean {
    this.#left -= chunk.length;
    if (this.#left >= 0) return super.write(chunk);
    const error = this.#exceeded();
    this.source.cancel(error);
    this.fail(error);
    return true;
  }
}
