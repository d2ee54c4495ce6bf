/** Secrets of a configuration and of clients, looked for wherever a gateway says something. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { cli } from '../support/program-path.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const secrets = {
  password: 'hunter-basic-4711',
  environment: 'hunter-environment-4712',
  outgoing: 'hunter-outgoing-4713',
  cluster: 'hunter-cluster-4714',
  phrase: 'hunter-phrase-4715',
  client: 'hunter-client-4716',
  userinfo: 'hunter-userinfo-4717',
  key: 'hunter-key-4718',
  cookie: 'hunter-cookie-4719',
  field: 'hunter-field-4720',
};

test('no secret is seen in logs, status, errors, commands or process titles', async (t) => {
  const folder = temporaryFolder(t);
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'cert.pem');
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '30',
      '-subj',
      '/CN=localhost',
      '-passout',
      `pass:${secrets.phrase}`,
    ],
    { stdio: 'ignore' },
  );
  const backend = await startBackend(t, (request, response) => {
    if (request.url === '/broken') request.socket.destroy();
    else response.setHeader('Set-Cookie', `session=${secrets.cookie}`).end('fine');
  });
  const configuration = (more = ''): string => `
configs.auto_reload: false
log.level: debug
entry:
  - { name: plain, network.binding: "127.0.0.1:0" }
  - name: secure
    network.binding: "127.0.0.1:0"
    tls: { enabled: true, cert_file: ${cert}, key_file: ${key}, key_passphrase: ${secrets.phrase} }
router:
  - name: default
    default_flow: main
    tracing_flow: traced
    rules: [{ method: ["*"], pattern: ["/guarded"], flow: [guarded] }]
flow:
  - name: traced
    filter: [{ logging: { stdout: true } }, { dump: { request: true, response: true, response_header: true } }]
  - name: main
    filter:
      - dump: { request: true, request_header: true, user: true, api_key: true }
      - set_basic_auth: { username: me, password: ${secrets.outgoing} }
      - set_request_header: { headers: ["Proxy-Authorization -> Bearer ${secrets.field}"] }
      - dump: { request: true, response: true }
      - elasticsearch: { elasticsearch: nodes }
  - name: guarded
    filter:
      - basic_auth: { valid_users: { me: ${secrets.password}, you: "$[[env.SECRET]]" } }
      - elasticsearch: { elasticsearch: nodes }
elasticsearch:
  - name: nodes
    endpoints: ["${backend.origin}"]
    basic_auth: { username: me, password: ${secrets.cluster} }
${more}`;
  const gateway = await startGateway(t, configuration(), {
    folder,
    env: { SECRET: secrets.environment },
  });
  let seen = '';
  const basic = (password: string): Record<string, string> => {
    return { authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}` };
  };
  for (const entry of ['plain', 'secure']) {
    const origin = await gateway.origin(entry, entry === 'secure' ? 'https' : 'http');
    for (const path of ['/', '/broken', '/guarded', '/nowhere']) {
      for (const headers of [
        basic(secrets.password),
        basic(secrets.client),
        { authorization: `Bearer ${secrets.client}`, cookie: `session=${secrets.cookie}` },
        { authorization: `ApiKey ${Buffer.from(`me:${secrets.key}`).toString('base64')}` },
      ]) {
        const answer = await ask(`${origin}${path}`, { headers });
        // A cookie is the client's own.
        seen += answer.body + JSON.stringify({ ...answer.headers, 'set-cookie': null });
      }
    }
  }
  seen += JSON.stringify(await gateway.status());
  const titles = (pids: readonly number[]): string =>
    pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).join('\n');
  const { workers } = await gateway.status();
  const running = titles([gateway.pid, ...workers.map(({ pid }) => pid)]);
  assert.match(running, /evergate/);
  seen += running;
  for (const wrong of [
    `  - { name: more, endpoints: ["http://me:${secrets.userinfo}@127.0.0.1:x"] }`,
    `  - { name: more, endpoints: ["${backend.origin}"], basic_auth: { username: me, password: [${secrets.userinfo}] } }`,
  ]) {
    gateway.write(configuration(wrong));
    const answer = await gateway.reload();
    assert.notEqual(answer.status, 200);
    seen += JSON.stringify(answer.body);
    const check = run(['check', '-c', gateway.file]);
    assert.notEqual(check.status, 0);
    seen += check.stdout + check.stderr;
  }
  gateway.write(configuration().replace(secrets.phrase, `${secrets.phrase}-wrong`));
  seen += JSON.stringify((await gateway.reload()).body);
  gateway.write(configuration());
  assert.equal((await gateway.reload()).status, 200);
  for (const command of [['check'], ['status'], ['cert'], ['explain', 'entry']]) {
    const [name = ''] = command;
    const options = name === 'explain' ? [] : ['-c', gateway.file];
    const { stdout, stderr } = run([...command, ...options]);
    seen += stdout + stderr;
  }
  await gateway.stop();
  seen += gateway.output + filesBelow(join(folder, 'data'));
  assert.match(seen, /"generation"|generation/);
  // What was asked for and is no secret is there.
  assert.match(seen, /---- request ----\nGET \/guarded|---- request ----\nGET \/\n/);
  for (const [name, secret] of Object.entries(secrets)) {
    const at = seen.indexOf(secret);
    assert.equal(at, -1, `${name}: ${seen.slice(Math.max(0, at - 200), at + 60)}`);
    const encoded = Buffer.from(`me:${secret}`).toString('base64');
    assert.ok(!seen.includes(encoded), `${name}, encoded`);
  }
});

function run(options: readonly string[]) {
  return spawnSync(process.execPath, [cli, ...options], {
    encoding: 'utf8',
    env: { ...process.env, SECRET: secrets.environment },
    timeout: 120_000,
  });
}

/** What a gateway has written, but for its keys. */
function filesBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}
