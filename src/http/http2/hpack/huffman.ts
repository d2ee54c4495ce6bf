import { Buffer } from 'node:buffer';

/**
 * Bits of the code of each byte, and of the end of a string (RFC 7541, appendix B). The code is
 * canonical: codes of the same length follow each other in the order of what they stand for.
 */
const lengths = Uint8Array.from(
  `13 23 28*7 24 30 28*2 30 28*8 30 28*9 6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10 13
  6 7*22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28 20 22 20*2 22*3
  23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22 23*2 24 22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2
  21*2 22 21 23 22 23*2 20 22*3 23 22*2 23 26*2 20 19 22 23 22 25 26*3 27*2 26 24 25 19 21 26 27*2 26
  27 24 21*2 26*2 28 27*3 20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30`
    .split(/\s+/)
    .flatMap((run) => {
      const [bits, times = 1] = run.split('*').map(Number);
      return Array.from({ length: times }, () => bits as number);
    }),
);
const endOfString = 256;
const codes = new Uint32Array(endOfString + 1);

/** How a walk through the code tree goes on with the next four bits. */
const Step = {
  /** In the lowest eight bits: where it goes on. */
  node: 0xff,
  /** From here up, eight bits: the byte that was found. */
  byteAt: 8,
  found: 0x1_0000,
  /** The string may end here: no more than seven bits, all of them ones, are left. */
  mayEnd: 0x2_0000,
  fails: 0x4_0000,
} as const;

/** By node of the tree, times 16, plus four bits. */
const steps = new Uint32Array(256 * 16);
prepare();

/** Assigns the codes, and builds the walk through their tree. */
function prepare(): void {
  const symbols = Array.from(lengths.keys());
  symbols.sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b);
  let code = 0;
  let bits = 0;
  for (const symbol of symbols) {
    const length = lengths[symbol] as number;
    code *= 2 ** (length - bits);
    bits = length;
    codes[symbol] = code++;
  }
  /** Children of each node: another node, or ~symbol. */
  const tree: [number, number][] = [[0, 0]];
  for (const symbol of symbols) plant(tree, symbol);
  const padding = paddingNodes(tree);
  for (let node = 0; node < tree.length; node++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      steps[(node << 4) | nibble] = walk(tree, padding, node, nibble);
    }
  }
}

function plant(tree: [number, number][], symbol: number): void {
  const length = lengths[symbol] as number;
  const code = codes[symbol] as number;
  let node = 0;
  for (let left = length - 1; left >= 0; left--) {
    const bit = (code >>> left) & 1;
    const branches = tree[node] as [number, number];
    if (left === 0) branches[bit] = ~symbol;
    else if (branches[bit] === 0) {
      branches[bit] = tree.length;
      tree.push([0, 0]);
    }
    node = branches[bit] as number;
  }
}

/** The nodes at which what was read since the last byte is the beginning of the end's code. */
function paddingNodes(tree: readonly [number, number][]): Set<number> {
  const nodes = new Set([0]);
  for (let depth = 0, node = 0; depth < 7; depth++) {
    node = (tree[node] as [number, number])[1];
    nodes.add(node);
  }
  return nodes;
}

function walk(
  tree: readonly [number, number][],
  padding: ReadonlySet<number>,
  from: number,
  nibble: number,
): number {
  let node = from;
  let step = 0;
  for (let left = 3; left >= 0; left--) {
    node = (tree[node] as [number, number])[(nibble >> left) & 1] as number;
    if (node >= 0) continue;
    if (~node === endOfString) return Step.fails;
    step = Step.found | (~node << Step.byteAt);
    node = 0;
  }
  return step | node | (padding.has(node) ? Step.mayEnd : 0);
}

/** Where strings are unpacked; they are copied out of it before the next one is. */
let scratch = Buffer.allocUnsafeSlow(4096);

/** The text between `from` and `to`, unpacked; null when that is malformed. */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | null {
  // The shortest code has five bits.
  const most = ((to - from) * 8) / 5 + 1;
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * most);
  const target = scratch;
  let size = 0;
  let step: number = Step.mayEnd;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    step = steps[((step & Step.node) << 4) | (byte >> 4)] as number;
    if ((step & Step.fails) !== 0) return null;
    if ((step & Step.found) !== 0) target[size++] = step >> Step.byteAt;
    step = steps[((step & Step.node) << 4) | (byte & 15)] as number;
    if ((step & Step.fails) !== 0) return null;
    if ((step & Step.found) !== 0) target[size++] = step >> Step.byteAt;
  }
  if ((step & Step.mayEnd) === 0) return null;
  return target.toString('latin1', 0, size);
}

/** Bytes that a text (Latin-1) takes when it is packed. */
export function huffmanSize(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i)] as number;
  return (bits + 7) >> 3;
}

/** Packs a text (Latin-1) at `at`, and answers the index after it. */
export function encodeHuffman(text: string, target: Uint8Array, at: number): number {
  let end = at;
  let bits = 0;
  /** The bits that have not been written, in the lowest places. */
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let code = codes[symbol] as number;
    let length = lengths[symbol] as number;
    if (length > 24) {
      // More than fits beside up to seven bits that are held.
      length -= 16;
      held = (held << length) | (code >>> 16);
      code &= 0xffff;
      for (bits += length; bits >= 8; ) target[end++] = held >>> (bits -= 8);
      length = 16;
    }
    held = (held << length) | code;
    for (bits += length; bits >= 8; ) target[end++] = held >>> (bits -= 8);
  }
  if (bits > 0) target[end++] = (held << (8 - bits)) | (0xff >> bits);
  return end;
}
