/** Why a text is not JSON, or is not to be read as JSON. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';
  /** Whether the text begins with a JSON value, and something follows it. */
  readonly isSequence: boolean;

  constructor(reason: string, at = -1, isSequence = false) {
    super(at < 0 ? reason : `${reason}, at byte ${at}`);
    this.isSequence = isSequence;
  }
}
