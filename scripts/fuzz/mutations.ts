/** A sequence of numbers that is the same for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0, below `limit`. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}

const fragments = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\x0b',
  '\x7f',
  '\xff',
  '0',
  '-1',
  '+1',
  '0x5',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length : 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding: chunked, chunked\r\n',
  'Transfer-Encoding:\x0bchunked\r\n',
  'Transfer-Encoding: xchunked\r\n',
  'Transfer-Encoding\t: chunked\r\n',
  'Content-Length: 5, 5\r\n',
  'Content-Length: 5 5\r\n',
  'Connection: Content-Length\r\n',
  'Connection: Host, X-Forwarded-For, Transfer-Encoding\r\n',
  'Connection: keep-alive, X-A\r\nX-A: b\r\n',
  'X-Forwarded-For: 10.0.0.1\r\n',
  'X-a: b \r\n',
  'Cookie: a=b\r\nCookie: c=d\r\n',
  'TE: trailers\r\n',
  'Trailer: Host\r\n',
  '0\r\nHost: other\r\n\r\n',
  '\r\n\r\nGET /ID HTTP/1.1\r\nHost: smuggled\r\n\r\n',
  'Connection: close\r\n',
  'Host: other\r\n',
  ' folded\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: h2c\r\n',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'ffffffffffffffff1\r\n',
  'GET http://other/ HTTP/1.1\r\n',
  ' HTTP/1.0',
];

const seeds = [
  'GET /ID HTTP/1.1\r\nHost: gate.test\r\n\r\n',
  'GET /ID?a=b HTTP/1.1\r\nHost: gate.test\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n',
  'POST /ID HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 5\r\n\r\nhello',
  'POST /ID HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'PUT /ID HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n',
  'HEAD /ID HTTP/1.0\r\n\r\n',
  'GET http://gate.test/ID HTTP/1.1\r\nHost: gate.test\r\n\r\n',
  'POST /ID HTTP/1.1\r\nHost: gate.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  'GET /ID HTTP/1.1\r\nhost: gate.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n',
];

/** Some requests in a row, of which each was changed in a few places; `ID` is in every target. */
export function mutatedRequests(dice: Dice, id: string): string {
  let text = '';
  for (let count = 1 + dice.below(3); count > 0; count--) text += dice.pick(seeds);
  for (let count = dice.below(4); count > 0; count--) text = mutate(dice, text);
  return text.replaceAll('ID', id);
}

function mutate(dice: Dice, text: string): string {
  const at = dice.below(text.length + 1);
  const length = dice.below(6);
  switch (dice.below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + String.fromCharCode(dice.below(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at, at + 8 * length) + text.slice(at);
    case 3: {
      // Where a line begins a fragment does most harm.
      const line = text.indexOf('\r\n', at);
      const place = line < 0 ? at : line + 2;
      return text.slice(0, place) + dice.pick(fragments) + text.slice(place);
    }
    default:
      return text.slice(0, at) + dice.pick(fragments) + text.slice(at);
  }
}
