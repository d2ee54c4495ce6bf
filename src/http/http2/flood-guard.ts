import { performance } from 'node:perf_hooks';
import { ConnectionError, ErrorCode } from './frames/protocol.ts';

/** Streams reset by the other side, or for an error of its own, in one go and in a second. */
const resetBurst = 200;
const resetsPerSecond = 20;
/** Frames that bring nothing but work, in one go and in a second. */
const idleFrameBurst = 2_000;
const idleFramesPerSecond = 200;
/** Frames that answer others and wait to go out while the other side reads nothing. */
const maxUnreadAnswers = 1_000;
/** Bytes of bodies sent that pay for one frame about them: some clients tell of every few kilobytes. */
const bytesPerFrame = 512;

/** How often something may be done: a burst, and a rate at which it comes back. */
class Budget {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #refilledAt = performance.now();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
  }

  /** False when there is nothing left. */
  spend(): boolean {
    if (--this.#left >= 0) return true;
    // The time is looked at only now: most connections never come here.
    const now = performance.now();
    const refill = ((now - this.#refilledAt) * this.#perSecond) / 1000;
    this.#refilledAt = now;
    this.#left = Math.min(this.#burst, this.#left + refill);
    return this.#left >= 0;
  }

  earn(gain: number): void {
    this.#left = Math.min(this.#burst, this.#left + gain);
  }
}

/** Ends connections whose other side has us do work that costs it next to nothing. */
export class FloodGuard {
  readonly #frames = new Budget(idleFrameBurst, idleFramesPerSecond);
  readonly #resets: Budget;
  #unreadAnswers = 0;

  /** A node resets streams when it is in need; a client has no need to do so often. */
  constructor(isServer: boolean) {
    this.#resets = new Budget(isServer ? resetBurst : Infinity, resetsPerSecond);
  }

  /** A frame that brings nothing. @throws ConnectionError */
  countFrame(): void {
    if (!this.#frames.spend()) throw calm('too many frames that bring nothing');
  }

  /** A stream that the other side has reset, or brought us to reset. @throws ConnectionError */
  countReset(): void {
    if (!this.#resets.spend()) throw calm('too many streams that are reset');
  }

  /** An answer to a frame, which the other side is to read. @throws ConnectionError */
  countAnswer(isBlocked: boolean): void {
    if (!isBlocked) this.#unreadAnswers = 0;
    else if (++this.#unreadAnswers > maxUnreadAnswers) throw calm('answers that nobody reads');
  }

  /** A part of a body went out: frames are due that tell of it, but not for each single byte. */
  earn(bytes: number): void {
    this.#frames.earn(bytes / bytesPerFrame);
  }
}

function calm(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.enhanceYourCalm, message);
}
