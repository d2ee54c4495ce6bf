/** The kinds of clients: each a loop that runs until the storm is over. */
import { createHash } from 'node:crypto';
import type { Client, Question } from './client.ts';
import { now } from './clock.ts';
import type { ClientConnection } from './connection.ts';
import { downloadContent, smallBody } from './payload.ts';

export type ClientLoop = (client: Client, number: number) => Promise<void>;

/** Bytes in one piece of an upload. */
const PIECE = 8 * 1024;

/** Requests in one write of a pipelining client. */
const DEPTH = 5;

/** One in twenty requests takes the backend a while, so that it is under way at any disturbance. */
function path(base: string): string {
  return Math.random() < 0.05 ? `${base}?delay=${5 + Math.floor(Math.random() * 45)}` : base;
}

function head(method: string, target: string, id: string, ...more: string[]): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: storm', `X-Storm-Id: ${id}`, ...more, '', ''].join(
    '\r\n',
  );
}

function post(id: string): Question {
  const body = smallBody(id);
  return {
    id,
    bytes: Buffer.concat([
      Buffer.from(head('POST', path('/echo'), id, `Content-Length: ${body.length}`)),
      body,
    ]),
    check: (response) => (response.body.equals(body) ? null : 'not the body that was sent'),
  };
}

function get(id: string, ...more: string[]): Question {
  return {
    id,
    bytes: head('GET', path('/echo'), id, ...more),
    check: ({ body }) => (body.toString() === id ? null : body.toString().slice(0, 80)),
  };
}

/** POSTs 1 KB again and again on one connection, thinking between. */
function thinking(min: number, max: number): ClientLoop {
  return async (client) => {
    let connection: ClientConnection | null = null;
    while (client.running) {
      connection = await client.reuse(connection);
      if (!connection) continue;
      await client.ask(connection, post(client.nextId()));
      await client.think(min, max);
    }
    connection?.close();
  };
}

/** Asks as fast as it can. */
async function flood(client: Client): Promise<void> {
  let connection: ClientConnection | null = null;
  while (client.running) {
    connection = await client.reuse(connection);
    if (connection) await client.ask(connection, post(client.nextId()));
  }
  connection?.close();
}

/**
 * A new connection for each request, several at once, so that some wait to be accepted at any time;
 * some say nothing for a while.
 */
async function newConnection(client: Client): Promise<void> {
  const once = async (): Promise<void> => {
    const connection = await client.connect();
    if (!connection) return;
    if (Math.random() < 0.2) await client.think(0, 500);
    await client.ask(connection, get(client.nextId(), 'Connection: close'));
    connection.close();
  };
  while (client.running) {
    await Promise.all(Array.from({ length: 1 + Math.floor(Math.random() * 8) }, once));
    await client.think(10, 60);
  }
}

/** Sends head and body in pieces over one to two seconds; every other client without a length. */
async function upload(client: Client, number: number): Promise<void> {
  const chunked = number % 2 === 1;
  let connection: ClientConnection | null = null;
  while (client.running) {
    connection = await client.reuse(connection);
    if (!connection) continue;
    const current = connection;
    const id = client.nextId();
    const pieces = 8 + Math.floor(Math.random() * 8);
    const piece = Buffer.alloc(PIECE, id);
    const digest = createHash('sha256')
      .update(Buffer.alloc(PIECE * pieces, piece))
      .digest('hex');
    const expected = `${id} ${PIECE * pieces} ${digest}`;
    const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${PIECE * pieces}`;
    const send = async (): Promise<void> => {
      const first = head('POST', '/digest', id, length);
      current.write(first.slice(0, 40));
      await client.think(80, 180);
      current.write(first.slice(40));
      for (let i = 0; i < pieces && current.usable; i += 1) {
        current.write(
          chunked ? Buffer.concat([Buffer.from(`${PIECE.toString(16)}\r\n`), piece, CRLF]) : piece,
        );
        current.stillSending();
        await client.think(80, 180);
      }
      if (chunked) current.write('0\r\n\r\n');
      current.stillSending();
    };
    const question: Question = {
      id,
      bytes: '',
      check: ({ body }) =>
        body.toString() === expected ? null : `got ${body.toString()} for ${expected}`,
    };
    await client.ask(current, question, { send });
    await client.think(20, 100);
  }
  connection?.close();
}

const CRLF = Buffer.from('\r\n');

/** Reads some megabytes slowly, comparing each byte; every other client without a length. */
async function download(client: Client, number: number): Promise<void> {
  const content = downloadContent();
  const target = number % 2 === 1 ? '/download?chunked' : '/download';
  let connection: ClientConnection | null = null;
  while (client.running) {
    connection = await client.reuse(connection);
    if (!connection) continue;
    const current = connection;
    let received = 0;
    let same = true;
    const onBody = (chunk: Buffer): void => {
      same &&= chunk.equals(content.subarray(received, received + chunk.length));
      received += chunk.length;
      // 64 KB in some 30 ms: about 2 MB/s.
      current.restFor(chunk.length / 2200);
    };
    const id = client.nextId();
    const question: Question = {
      id,
      bytes: head('GET', target, id),
      check: () => {
        if (received !== content.length) return `${received} of ${content.length} bytes`;
        return same ? null : 'other bytes than the backend sent';
      },
    };
    await client.ask(current, question, { onBody, untilHead: true });
    await client.think(20, 100);
  }
  connection?.close();
}

/** Several requests in one write; the answers must come in that order. */
async function pipeline(client: Client): Promise<void> {
  let connection: ClientConnection | null = null;
  while (client.running) {
    connection = await client.reuse(connection);
    if (!connection) continue;
    const current = connection;
    const questions = Array.from({ length: DEPTH }, () => get(client.nextId()));
    const sentAt = now();
    const answers = questions.map((question) =>
      client.settle(current, question, current.next(), sentAt),
    );
    current.write(questions.map(({ bytes }) => bytes).join(''));
    await Promise.all(answers);
    await client.think(5, 25);
  }
  connection?.close();
}

/** Every kind, with how many clients of it there are by default. */
export const kinds: Readonly<
  Record<string, { readonly loop: ClientLoop; readonly count: number }>
> = {
  'keep-alive': { loop: thinking(2, 8), count: 64 },
  idle: { loop: thinking(300, 2000), count: 24 },
  'new-connection': { loop: newConnection, count: 6 },
  upload: { loop: upload, count: 6 },
  download: { loop: download, count: 4 },
  pipeline: { loop: pipeline, count: 6 },
  flood: { loop: flood, count: 2 },
};
