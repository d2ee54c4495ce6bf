/** Filters that ask who is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basicAuth } from '../../src/context/credentials.ts';
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
  const hash = `$2b$12$${'a'.repeat(53)}`;
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
  assert.match(problems[1] as string, /valid_users.a: expected text or a number/);
  assert.match(problems[2] as string, /valid_users.b: bcrypt hashes are not supported yet/);
  assert.doesNotMatch(problems.join(), /geheim|aaaa/);
});
