/** A body that decides is read as Elasticsearch reads it, or refused; and its reading keeps nobody waiting. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';

const clipped = `
      - if: { range: { _ctx.request.body_json.size.gt: 100 } }
        then: [{ set_response: { status: 403 } }, { drop: {} }]
      - echo: { message: passed }`;
const flows: Record<string, string> = {
  clip: clipped,
  set: `
      - request_body_json_set: { path: ["size -> 3"] }
      - echo: { message: "$[[_ctx.request.body]]" }`,
  context: `
      - set_context: { context: { _ctx.request.body_json.size: 3 } }
      - echo: { message: "$[[_ctx.request.body]]" }`,
  template: `
      - echo: { message: "size $[[_ctx.request.body_json.size]]" }`,
  filter: `
      - context_filter: { context: _ctx.request.body_json.size, exclude: ["500"] }
      - echo: { message: passed }`,
};

async function start(t: TestContext): Promise<string> {
  const rules = Object.keys(flows).map((name) => `{ pattern: "/${name}/{rest:*}", flow: ${name} }`);
  const gateway = await startGateway(
    t,
    `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: lenient, rules: [${rules.join()}] }]
flow:
  - name: lenient
    unreadable_json: ignore
    filter:${clipped}
${Object.entries(flows)
  .map(([name, filters]) => `  - name: ${name}\n    filter:${filters}`)
  .join('\n')}
`,
    { args: ['--workers', '1'] },
  );
  return gateway.origin('main');
}

const json = { 'Content-Type': 'application/json' };
const post = (url: string, body: string | Buffer, headers: Record<string, string> = json) =>
  ask(url, { method: 'POST', body, headers });

suite('a body that decides', { concurrency: true }, () => {
  test('is seen as the node will see it', async (t) => {
    const origin = await start(t);
    const same = [
      '{"size":500}',
      '{"size":500 /* */}',
      '//\n{"size":500}',
      '\ufeff{"size":500}',
      '{"s\\u0069ze":5e2}',
    ];
    for (const body of same) {
      assert.equal((await post(`${origin}/clip/_search`, body)).status, 403, body);
      assert.equal((await post(`${origin}/clip/_search`, body, {})).status, 403, body);
      const plain = { 'Content-Type': 'text/plain' };
      assert.equal((await post(`${origin}/clip/_search`, body, plain)).status, 403, body);
      const gzip = { ...json, 'Content-Encoding': 'gzip' };
      assert.equal((await post(`${origin}/clip/_search`, gzipSync(body), gzip)).status, 403, body);
      const set = await post(`${origin}/set/_search`, body);
      assert.equal(set.body, body.replace(/500|5e2/, '3'));
      assert.match((await post(`${origin}/context/_search`, body)).body, /:3/);
      assert.equal((await post(`${origin}/template/_search`, body)).body, 'size 500');
      assert.equal((await post(`${origin}/filter/_search`, body)).status, 403);
    }
    assert.equal((await post(`${origin}/clip/_search`, '{"size":5}')).body, 'passed');
  });

  test('is refused where only the node could read it', async (t) => {
    const origin = await start(t);
    const utf16 = Buffer.from('\ufeff{"size":500}', 'utf16le');
    const unreadable: [body: string | Buffer, headers?: Record<string, string>][] = [
      ['{"size":500,}'],
      ['{"size":500}{}'],
      ['{"size":5,"size":500}'],
      ['{"a":"\t","size":500}'],
      [`{"a":${'['.repeat(2463)}${']'.repeat(2463)},"size":500}`],
      ['---\nsize: 500'],
      ['{"size":500}', { 'Content-Type': 'application/yaml' }],
      ['{"a":1 /*,"size":500,"b":1*/}', { 'Content-Type': 'application/vnd.elasticsearch+yaml' }],
      [Buffer.from('bf6473697a65191388ff', 'hex'), { 'Content-Type': 'application/cbor' }],
      [utf16],
      [utf16.subarray(2), { 'Content-Type': 'text/plain' }],
      ['{"size":500,}', { 'Content-Type': 'application/x-www-form-urlencoded' }],
      ['{"size":500,}', {}],
      [Buffer.from('{"a":"\xfc","size":500}', 'latin1')],
      ['{"size":500}', { ...json, 'Content-Encoding': 'gzip' }],
    ];
    for (const [body, headers] of unreadable) {
      for (const flow of Object.keys(flows)) {
        const { status, body: answer } = await post(`${origin}/${flow}/_search`, body, headers);
        assert.equal(status, 400, `${flow}: ${body.toString()}`);
        assert.match(answer, /REQUEST_MALFORMED/);
      }
    }
    assert.equal((await post(`${origin}/x`, '{"size":500,}')).body, 'passed', 'where ignored');
  });

  test('need be no JSON', async (t) => {
    const origin = await start(t);
    const others: [path: string, body: string | Buffer, type: string][] = [
      ['_search', '', 'application/json'],
      ['_search', ' \n', 'application/json'],
      ['_bulk', '{"index":{}}\n{"size":500}\n', 'application/x-ndjson'],
      ['_search', 'size=500', 'application/x-www-form-urlencoded'],
      ['upload', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]), 'image/png'],
      ['upload', Buffer.from([0, 1, 2, 0xff]), 'application/octet-stream'],
      ['upload', '--x\r\n\r\n{"size":500,}\r\n--x--', 'multipart/form-data; boundary=x'],
      ['upload', '<a/>', 'application/xml'],
      ['text', 'a note', 'text/plain'],
    ];
    for (const [path, body, type] of others) {
      for (const flow of ['clip', 'filter']) {
        // A path of Elasticsearch has nothing before it.
        const url = path === '_bulk' ? `${origin}/${flow}/${path}` : `${origin}/${flow}/a/${path}`;
        const { status } = await post(url, body, { 'Content-Type': type });
        assert.equal(status, 200, `${flow} ${path} ${type}`);
      }
    }
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    assert.equal((await post(`${origin}/set/a`, 'size=500', form)).body, 'size=500');
  });

  test('keeps what an edit does not concern', async (t) => {
    const origin = await start(t);
    const body = '{"b":1,"1":3.10,"n":-9223372036854775808,"size":5 ,"a" : "\u00fc"}';
    const { body: edited } = await post(`${origin}/set/_search`, body);
    assert.equal(edited, body.replace('"size":5', '"size":3'));
  });

  test('comes to no more than it may, however little is sent', async (t) => {
    const origin = await start(t);
    const bomb = gzipSync(`{"a":"${'a'.repeat(90e6)}"}`);
    const gzip = { ...json, 'Content-Encoding': 'gzip' };
    const { status, body } = await post(`${origin}/clip/_search`, bomb, gzip);
    assert.equal(status, 413);
    assert.match(body, /exceeds \d{8} bytes/);
  });

  test('keeps nobody waiting while it is read', async (t) => {
    const origin = await start(t);
    // 40 MB of small values, which were a tree of gigabytes.
    const large = `{"a":[${'{},'.repeat(13e6)}1],"size":50}`;
    let over = false;
    const answer = post(`${origin}/clip/_search`, large).finally(() => (over = true));
    let meanwhile = 0;
    while (!over) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await post(`${origin}/clip/_search`, '{}');
      if (!over) meanwhile++;
    }
    assert.equal((await answer).body, 'passed');
    assert.ok(meanwhile >= 5, `${meanwhile} other requests were answered meanwhile`);
  });
});
