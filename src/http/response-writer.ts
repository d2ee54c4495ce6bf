/** A flat name/value array; or well-formed lines, with Date, for a writer that takes them. */
export type Fields = string[] | string;

/**
 * Where a response goes on the wire; every way of speaking HTTP takes the same few calls. Either `send` alone, or `begin`, `write` any number of times, `end`.
 */
export interface ResponseWriter {
  /** Whether a head has gone out; from then on only `breakOff` can tell of a failure. */
  readonly begun: boolean;
  /** Set by the one who writes: called when `write` has answered false and there is room again. */
  onDrain: (() => void) | null;
  /** Whether it takes fields as lines, too. */
  readonly takesLines?: true;
  /** A whole response; `headers` (flat, Content-Length included) becomes the writer's. */
  send(status: number, statusText: string, headers: Fields, body: Buffer | null): void;
  /**
   * The head of a response whose body follows, of `length` bytes; without that the writer frames it.
   */
  begin(status: number, statusText: string, headers: Fields, length: number | undefined): void;
  /** Sends what `begin` may have kept back to go out with the first part of the body. */
  flush(): void;
  /** `chunk` may be lent. False when nothing more should be written until `onDrain`. */
  write(chunk: Buffer): boolean;
  end(trailers?: readonly string[]): void;
  /** Ends a response that cannot be completed so that the client sees that it is incomplete. */
  breakOff(): void;
}
