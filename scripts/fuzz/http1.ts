/**
 * Compares our reader of HTTP/1 requests with llhttp over generated messages:
 * `node scripts/fuzz/http1.ts [messages, default 1000000] [seed]`.
 */
import { compareReaders } from './differential.ts';

const count = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? Date.now() % 1e9);
const taken = compareReaders(count, seed);
console.log(`${count} messages, ${taken} of them read as requests, seed ${seed}: no difference`);
