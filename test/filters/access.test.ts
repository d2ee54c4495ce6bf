/** Filters that ask who is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashSync } from 'bcryptjs';
import { basicAuth } from '../../src/http/basic-auth.ts';
import { PasswordChecker } from '../../src/filters/access/password-checker.ts';
import { bodyText } from '../support/context.ts';
import { problemsOf, startFlows } from '../support/flows.ts';

test('basic_auth lets only users with their password through', async (t) => {
  const { ask } = await startFlows(
    t,
    `flow:
  - name: basic_auth
    filter:
      - basic_auth:
          valid_users:
            medcl: passwd
            medcl1: abc
            numbers: 123
            nobody: ""
      - echo: { message: "hello $[[_ctx.request.username]]" }`,
  );
  const asking = async (authorization?: string) => {
    const headers = authorization === undefined ? [] : ['Authorization', authorization];
    return (await ask({ headers })).response;
  };
  const as = (username: string, password: string) => asking(basicAuth({ username, password }));
  assert.equal(bodyText(await as('medcl', 'passwd')), 'hello medcl');
  assert.equal(bodyText(await as('medcl1', 'abc')), 'hello medcl1');
  assert.equal(bodyText(await as('numbers', '123')), 'hello numbers');
  const refused = [
    asking(),
    asking('Basic'),
    asking('Basic !!!'),
    asking('Bearer passwd'),
    as('medcl', 'abc'),
    as('medcl', ''),
    as('medcl1', 'passwd'),
    as('', ''),
    as('constructor', ''),
    as('other', 'passwd'),
  ];
  for (const response of await Promise.all(refused)) {
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate') ?? '', /^Basic realm="Restricted"/);
    assert.equal(bodyText(response), 'Unauthorized');
  }
});

test('basic_auth never shows a password, and says what it cannot take', async (t) => {
  const hash = `$2b$99$${'a'.repeat(53)}`;
  const problems = await problemsOf(
    t,
    `flow:
  - name: f
    filter:
      - basic_auth: {}
      - basic_auth: { valid_users: { a: [geheim] } }
      - basic_auth: { valid_users: { b: "${hash}" } }`,
  );
  assert.match(problems[0] as string, /"valid_users" is missing/);
  assert.match(problems[1] as string, /valid_users.a: expected text, got a list/);
  assert.match(problems[2] as string, /valid_users.b: begins like a bcrypt hash and is none/);
  assert.doesNotMatch(problems.join(), /geheim|aaaa/);
});

test('basic_auth takes bcrypt hashes, keeps the loop free and remembers who was right', async (t) => {
  const hashed = hashSync('secret', 8);
  const slow = hashSync('patient', 12).replace('$2b$', '$2y$');
  const { ask } = await startFlows(
    t,
    `flow:
  - name: f
    filter:
      - basic_auth:
          valid_users: { alice: "${hashed}", bob: plain, carol: "${slow}" }
      - echo: { message: ok }`,
  );
  const as = async (username: string, password: string): Promise<[number, number]> => {
    const start = performance.now();
    const headers = ['Authorization', basicAuth({ username, password })];
    const { response } = await ask({ headers });
    return [response.status, performance.now() - start];
  };
  assert.equal((await as('alice', 'secret'))[0], 200);
  assert.equal((await as('alice', 'Secret'))[0], 401);
  assert.equal((await as('alice', hashed))[0], 401);
  assert.equal((await as('bob', 'plain'))[0], 200);
  assert.equal((await as('bob', 'secret'))[0], 401);

  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  const [status, took] = await as('carol', 'patient');
  clearInterval(timer);
  assert.equal(status, 200);
  assert.ok(longest < took, `the loop stood still for ${longest} of ${took} ms`);
  // On a busy machine one of them may take any time; the quickest tells what it costs.
  const quickest = async (username: string, password: string): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) times.push((await as(username, password))[1]);
    return Math.min(...times);
  };
  const again = await quickest('carol', 'patient');
  const wrong = await quickest('carol', 'impatient');
  assert.ok(again < wrong / 2, `${again} ms, but ${wrong} ms when it was wrong`);
  assert.equal((await as('nobody', 'patient'))[0], 401);
  const unknown = await quickest('nobody', 'patient');
  assert.ok(unknown > wrong / 5, `an unknown user took ${unknown} ms, a known one ${wrong} ms`);
  assert.equal((await ask()).response.status, 401);
});

test('basic_auth: wrong guesses of one client keep no other one out', async (t) => {
  const hashed = hashSync('secret', 9);
  const { ask } = await startFlows(
    t,
    `flow: [{ name: f, filter: [{ basic_auth: { valid_users: { alice: "${hashed}" } } }] }]`,
  );
  const order: string[] = [];
  const as = async (password: string, remoteAddress: string): Promise<number> => {
    const headers = ['Authorization', basicAuth({ username: 'alice', password })];
    const { response } = await ask({ headers, client: { remoteAddress } });
    order.push(remoteAddress);
    return response.status;
  };
  const guesses = Array.from({ length: 40 }, (_, i) => as(`guess ${i}`, `2001:db8::${i}`));
  const honest = Array.from({ length: 20 }, () => as('secret', '10.0.0.1'));
  const statuses = await Promise.all(guesses);
  assert.deepEqual(
    [...new Set(statuses)].toSorted((a, b) => a - b),
    [401, 503],
  );
  assert.ok(statuses.filter((status) => status === 503).length >= 20);
  assert.deepEqual(new Set(await Promise.all(honest)), new Set([0]));
  const last = order.lastIndexOf('10.0.0.1');
  assert.ok(order.slice(last).length > 8, 'the honest client was answered before most guesses');
});

test('a check that its client has left is not what the next one waits for', async () => {
  const checker = new PasswordChecker();
  const hashed = hashSync('secret', 8);
  const first = checker.check('secret', hashed, '10.0.0.1');
  const second = checker.check('secret', hashed, '10.0.0.2');
  first.cancel();
  assert.equal(await second.answer, true, 'it was asked for twice');
  assert.equal(checker.isKnown('secret', hashed), true);
  const gone = checker.check('wrong', hashed, '10.0.0.1');
  gone.cancel();
  const next = checker.check('wrong', hashed, '10.0.0.2');
  await assert.rejects(gone.answer, { code: 'CLIENT_GONE' });
  assert.equal(await next.answer, false);
});
