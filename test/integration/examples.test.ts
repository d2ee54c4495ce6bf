/** Every example passes `check` as it is, and answers a request when it runs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { suite, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { basicAuth } from '../../src/http/basic-auth.ts';
import { filters } from '../../src/filters/index.ts';
import { type Answer, ask, type Ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { cli } from '../support/program-path.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Example {
  readonly entry: string;
  readonly path: string;
  readonly scheme?: 'https';
  readonly ask?: Ask;
  /** Names of environment variables that say where a backend is, and in which form. */
  readonly backends?: Readonly<Record<string, 'origin' | 'host'>>;
  readonly answers: (answer: Answer) => void;
}

const says =
  (pattern: RegExp, status = 200) =>
  (answer: Answer): void => {
    assert.match(answer.body, pattern);
    assert.equal(answer.status, status);
  };

const examples: Record<string, Example> = {
  'hello.yml': { entry: 'hello', path: '/', answers: says(/^hello\n$/) },
  'tls.yml': {
    entry: 'secure',
    path: '/',
    scheme: 'https',
    answers: says(/^hello over TLS\n$/),
  },
  'quick-start.yml': {
    entry: 'es_search',
    path: '/books/_search',
    backends: { CLUSTER: 'origin' },
    answers: says(/^CLUSTER GET \/books\/_search$/),
  },
  'reverse-proxy.yml': {
    entry: 'web',
    path: '/docs/start',
    backends: { SHOP: 'host', DOCS: 'host' },
    answers: says(/^DOCS GET \/docs\/start$/),
  },
  'production-cluster.yml': {
    entry: 'main',
    path: '/books/_search',
    backends: { CLUSTER: 'origin', BACKUP: 'origin' },
    answers: says(/^CLUSTER GET \/books\/_search$/),
  },
  'read-write.yml': {
    entry: 'es_ingest',
    path: '/_bulk',
    ask: { method: 'POST', body: '{}\n' },
    backends: { PRIMARY: 'origin', REPLICA: 'origin' },
    answers: says(/^PRIMARY POST \/_bulk$/),
  },
  'conditions.yml': {
    entry: 'main',
    path: '/books/_search',
    ask: { method: 'POST', body: '{"size":5000}' },
    answers: says(/^clipped: {"size":1000}\n$/),
  },
  'access.yml': {
    entry: 'main',
    path: '/books/_search',
    ask: { headers: { authorization: basicAuth({ username: 'writer', password: 'change-me' }) } },
    answers: says(/^welcome, writer\n$/),
  },
  'limits.yml': { entry: 'main', path: '/books/_search', answers: says(/^found\n$/) },
  'routing.yml': {
    entry: 'main',
    path: '/beta/start',
    backends: { STABLE: 'host', BETA: 'host' },
    answers: says(/^BETA GET \/beta\/start$/),
  },
  'transform.yml': {
    entry: 'main',
    path: '/logs-2024/_search',
    backends: { BACKEND: 'host' },
    answers: (answer) => {
      says(/^the backend GET \/logs\/_search\?preference=127\.0\.0\.1$/)(answer);
      assert.equal(answer.headers['x-index'], 'logs');
    },
  },
  'operations.yml': { entry: 'main', path: '/books', answers: says(/^hello\n$/) },
  'plugin.yml': {
    entry: 'main',
    path: '/',
    answers: ({ headers, body }) => {
      const id = String(headers['x-trace-id']);
      assert.match(id, /^gw-[0-9a-f-]{36}$/);
      assert.equal(body, `your id is ${id}\n`);
    },
  },
};

async function environmentOf(t: TestContext, example: Example): Promise<NodeJS.ProcessEnv> {
  const environment: NodeJS.ProcessEnv = {};
  for (const [name, form] of Object.entries(example.backends ?? {})) {
    const { origin } = await startBackend(t, (incoming, response) => {
      incoming.resume().on('end', () => response.end(`${name} ${incoming.method} ${incoming.url}`));
    });
    environment[name] = form === 'origin' ? origin : origin.slice('http://'.length);
  }
  return environment;
}

suite('examples', () => {
  test('every example is tested', () => {
    const files = readdirSync(`${root}examples`).filter((name) => name.endsWith('.yml'));
    assert.deepEqual(files.sort(), Object.keys(examples).sort());
  });

  test('every filter has a place in an example', () => {
    const texts = Object.keys(examples).map((file) =>
      readFileSync(`${root}examples/${file}`, 'utf8'),
    );
    const missing = filters
      .map(({ name }) => name)
      .filter((name) => !texts.some((text) => text.includes(`- ${name}:`)));
    assert.deepEqual(missing, []);
  });

  for (const [file, example] of Object.entries(examples)) {
    test(file, async (t) => {
      const check = spawnSync(process.execPath, [cli, 'check', '-c', `examples/${file}`], {
        cwd: root,
        encoding: 'utf8',
      });
      assert.equal(check.status, 0, check.stdout + check.stderr);

      // Only the ports are changed, so that tests can run side by side.
      const text = readFileSync(`${root}examples/${file}`, 'utf8');
      const anywhere = text.replace(/^(\s+binding: )("?)(.*?):\d+("?)(?=\s|$)/gm, '$1$2$3:0$4');
      const complete = anywhere.replaceAll('./plugins/', `${root}examples/plugins/`);
      const gateway = await startGateway(t, complete, { env: await environmentOf(t, example) });
      const origin = await gateway.origin(example.entry, example.scheme);
      example.answers(await ask(`${origin}${example.path}`, example.ask));
    });
  }
});
