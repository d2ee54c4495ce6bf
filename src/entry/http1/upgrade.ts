import { type Duplex, pipeline } from 'node:stream';
import type { UpgradedConnection } from '../../http/context.ts';
import { FrameBoundary, goingAwayFrame } from '../../http/websocket-frames.ts';

/** How long client and node have to finish a closing handshake, ms. */
const closingMs = 2_000;

/** Two connections that speak another protocol than HTTP with each other. */
export class Tunnel {
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  /** Null when it is not a WebSocket. */
  readonly #frames: FrameBoundary | null;
  #ending = false;

  /**
   * Switches protocols: sends the response's head, then passes bytes both ways until either ends.
   * @param clientRest bytes that the client has sent after its request
   */
  constructor(
    head: string,
    client: Duplex,
    clientRest: Buffer | null,
    { socket: upstream, head: upstreamRest }: UpgradedConnection,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#frames = /\r\nupgrade: *websocket *\r\n/i.test(head) ? new FrameBoundary() : null;
    client.write(Buffer.concat([Buffer.from(head, 'latin1'), upstreamRest]));
    if (clientRest !== null) upstream.write(clientRest);
    const frames = this.#frames;
    if (frames !== null) {
      frames.follow(upstreamRest);
      upstream.on('data', (bytes: Buffer) => {
        if (this.#ending) return;
        frames.follow(bytes);
      });
    }
    // Each direction ends by itself; a failure of either ends both.
    const failed = (error?: Error | null): void => {
      if (!error || this.#ending) return;
      client.destroy();
      upstream.destroy();
    };
    pipeline(client, upstream, failed);
    pipeline(upstream, client, failed);
  }

  /**
   * Ends it from the gateway's side. The client of a WebSocket gets a close frame, and its answer
   * reaches the node, which closes then; anything else is broken off.
   */
  end(): void {
    if (this.#ending) return;
    const frames = this.#frames;
    if (frames === null) {
      this.#destroy();
      return;
    }
    if (frames.isBetweenFrames) this.#sendClose();
    else {
      // The pipe's own listener came first: by now the client has these bytes.
      const look = (): void => {
        if (!frames.isBetweenFrames || this.#ending) return;
        this.#upstream.off('data', look);
        this.#sendClose();
      };
      this.#upstream.on('data', look);
    }
    setTimeout(() => this.#destroy(), closingMs).unref();
  }

  #sendClose(): void {
    this.#ending = true;
    this.#upstream.unpipe(this.#client);
    this.#client.write(goingAwayFrame);
    // Until the node has closed; nothing after a close frame is for the client.
    this.#upstream.resume();
    this.#upstream.once('end', () => this.#client.end());
  }

  #destroy(): void {
    this.#ending = true;
    this.#client.destroy();
    this.#upstream.destroy();
  }
}
