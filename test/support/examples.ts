/** Small configurations with requests and what is answered, all on one gateway. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Ask, ask } from './clients.ts';
import { startBackend, startGateway } from './gateway.ts';

export interface Example {
  readonly name: string;
  /** Items of `flow`, two spaces deep; the first takes every request that no rule takes. */
  readonly flow: string;
  /** Keys of the router beside its name and default flow, four spaces deep. */
  readonly router?: string;
  /** Whether a request that no rule takes has no flow. */
  readonly withoutDefault?: boolean;
  /** One after the other. */
  readonly asks: readonly (readonly [request: ExampleRequest, answer: ExpectedAnswer])[];
}

export interface ExampleRequest extends Ask {
  /** `/` when absent. */
  readonly path?: string;
}

/** What is not named is not looked at. */
export interface ExpectedAnswer {
  /** 200 when absent. */
  readonly status?: number;
  readonly body?: string | RegExp;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** What a cluster's only node answers with: its name, and what it was asked. */
interface Seen {
  readonly cluster: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
}

const clusters = ['es1', 'es2', 'dev'];

/** The node answers with the status that the request asks for. */
function startNode(t: TestContext, cluster: string): Promise<{ origin: string }> {
  return startBackend(t, (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method, url, rawHeaders: headers } = incoming;
      const target = `${method} ${url}`;
      const seen: Seen = { cluster, target, headers, body: Buffer.concat(chunks).toString() };
      response.writeHead(Number(incoming.headers['x-status'] ?? 200));
      response.end(JSON.stringify(seen));
    });
  });
}

const answering =
  '  - { name: answer, filter: [{ set_response: { when: { equals: { _ctx.response.status: 0 } } } }] }';

/** Starts one gateway with an entry for each example, and asks them all. */
export async function runExamples(t: TestContext, examples: readonly Example[]): Promise<void> {
  const nodes = await Promise.all(clusters.map((name) => startNode(t, name)));
  const lines = ['entry:'];
  for (const index of examples.keys()) {
    lines.push(`  - { name: e${index}, router: r${index}, network: { binding: "127.0.0.1:0" } }`);
  }
  lines.push('router:');
  for (const [index, { flow, router = '', withoutDefault = false }] of examples.entries()) {
    const [, first] = /^ {2}- name: (\S+)/.exec(flow) ?? assert.fail(flow);
    lines.push(`  - name: r${index}`, router);
    if (router !== '' && !withoutDefault) lines.push(`    default_flow: ${first}`);
    else if (router === '') {
      // Examples of filters that answer nothing are followed by one that does.
      lines.push(`    rules: [{ method: ["*"], pattern: ["/{any:*}"], flow: [${first}, answer] }]`);
    }
  }
  lines.push('flow:', ...examples.map(({ flow }) => flow), answering, 'elasticsearch:');
  for (const [index, { origin }] of nodes.entries()) {
    lines.push(`  - { name: ${clusters[index]}, endpoint: "${origin}" }`);
  }
  lines.push('  - { name: idle, enabled: false, endpoint: "http://127.0.0.1:9" }');
  const gateway = await startGateway(t, lines.join('\n'));
  for (const [index, { name, asks }] of examples.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- limits and the like depend on the order
    await t.test(name, async () => {
      const origin = await gateway.origin(`e${index}`);
      for (const [{ path = '/', ...request }, expected] of asks) {
        // oxlint-disable-next-line no-await-in-loop
        const answer = await ask(`${origin}${path}`, request);
        const what = `${request.method ?? 'GET'} ${path} -> ${answer.status} ${answer.body}`;
        assert.equal(answer.status, expected.status ?? 200, what);
        const { body, headers = {} } = expected;
        if (body instanceof RegExp) assert.match(answer.body, body, what);
        else if (body !== undefined) assert.equal(answer.body, body, what);
        for (const [field, value] of Object.entries(headers)) {
          assert.equal(answer.headers[field], value, `${field} of ${what}`);
        }
      }
    });
  }
}
