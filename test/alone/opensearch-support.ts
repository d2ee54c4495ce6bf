/** What the tests on a real cluster share. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

export interface Product {
  name: string;
  price: number;
}

/** What both clients throw when the cluster answers with an error. */
export interface ResponseError extends Error {
  statusCode: number;
  body: { found?: boolean; error?: { type: string; reason: string } };
}

/** Ten thousand products, one in ten of them a pen; each has a price of its own, from 0. */
export const products: readonly Product[] = Array.from({ length: 10_000 }, (_, price) => ({
  name: price % 10 === 0 ? `red pen ${price}` : `blue book ${price}`,
  price,
}));

/** Texts of 64 KB, 1 MB and 12 MB. */
export function largeTexts(): string[] {
  const sizes = [64 << 10, 1 << 20, 12 << 20];
  return sizes.map((size) => randomBytes((size * 3) / 4).toString('base64'));
}

export function newIndex(): string {
  return `test-${randomBytes(4).toString('hex')}`;
}

/** The error that a request ends with. */
export async function failure(request: Promise<unknown>): Promise<ResponseError> {
  try {
    await request;
  } catch (error) {
    return error as ResponseError;
  }
  return assert.fail('the request succeeded');
}
