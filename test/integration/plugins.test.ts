/** Filters of one's own: loaded, checked, explained, and taken up when they change. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { cli } from '../support/program-path.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function evergate(...args: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
  });
  return stdout + stderr;
}

const rest = (
  filter: string,
): string => `entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: f }]
flow: [{ name: f, filter: [${filter}] }]
`;

/** What `check` says of one plugin file. */
function checked(t: TestContext, source: string, filter = 'echo:'): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'plugin.ts'), source);
  writeFileSync(join(folder, 'evergate.yml'), `plugins: [plugin.ts]\n${rest(`{ ${filter} }`)}`);
  return evergate('check', '-c', join(folder, 'evergate.yml'));
}

const greeting = (word: string): string => `import { defineFilter } from 'evergate';


interface Parameters {
  readonly name: string;
}

export default defineFilter<Parameters>({
  name: 'greet',
  summary: 'Greets.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: { name: { type: 'string', description: 'Who is greeted.' } },
  },
  create: ({ name }) => (context) => {
    context.response.setBody(Buffer.from(\`${word} \${name}\`));
  },
});
`;

test('a plugin that cannot be used is an error at its place', (t) => {
  const place = /evergate\.yml:1:11: plugins\[0\]: /;
  const cases: [source: string, message: RegExp][] = [
    ['throw new Error("no luck");', /cannot be loaded: no luck/],
    ['export const x = 1;', /gives no filter; expected "export default defineFilter/],
    ['export default {}', /gives a filter without a name/],
    [greeting('hi').replace("'greet'", "'echo'"), /"echo" is a filter of the gateway/],
    [greeting('hi').replace("type: 'string'", "type: 'text'"), /a bad schema/],
    ['export default { name: "a", summary: "", schema: {} }', /no function "create"/],
    ['import "no-such-package-anywhere";', /cannot be loaded: /],
  ];
  for (const [source, message] of cases) {
    const said = checked(t, source);
    assert.match(said, message);
    assert.match(said, place);
  }
  const missing = join(temporaryFolder(t), 'evergate.yml');
  writeFileSync(missing, `plugins: [./none.js]\n${rest('{ echo: }')}`);
  assert.match(evergate('check', '-c', missing), /evergate\.yml:1:11: .*none\.js does not exist/);
});

test("a plugin's parameters are validated and explained", (t) => {
  assert.match(checked(t, greeting('hi'), 'greet: { name: you }'), /is valid/);
  assert.match(checked(t, greeting('hi'), 'greet: { nam: you }'), /did you mean "name"/);
  assert.match(checked(t, greeting('hi'), 'greet: {}'), /"name" is missing/);
  assert.match(checked(t, greeting('hi'), 'great: {}'), /did you mean "greet"/);
  const example = `${root}examples/plugin.yml`;
  assert.match(evergate('explain', 'request_id', '-c', example), /Gives each request an id/);
  assert.match(evergate('explain', 'request_id.header', '-c', example), /X-Request-Id/);
  assert.match(evergate('explain', 'request_id'), /there is no key "request_id"/);
});

test('a plugin that changes is taken up, and one that is broken is not', async (t) => {
  const folder = temporaryFolder(t);
  const plugin = join(folder, 'greet.ts');
  writeFileSync(plugin, greeting('hello'));
  const gateway = await startGateway(
    t,
    `plugins: [greet.ts]\n${rest('{ greet: { name: you } }')}`,
    { folder, args: ['--workers', '1'] },
  );
  const origin = await gateway.origin('main');
  assert.equal((await ask(origin)).body, 'hello you');
  writeFileSync(plugin, greeting('goodbye'));
  await eventually('the change', async () => (await ask(origin)).body === 'goodbye you');
  writeFileSync(plugin, 'throw new Error("broken");');
  await eventually('the refusal', () => gateway.output.includes('cannot be loaded: broken'));
  assert.equal((await ask(origin)).body, 'goodbye you');
});
