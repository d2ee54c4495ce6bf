import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const file = new URL('../../../src/runtime/processes/replace-process.ts', import.meta.url).href;

test('another program goes on in the same process, without a word of warning', async () => {
  const script = `
    import { replaceProcess } from '${file}';

    console.log(process.pid);
    replaceProcess('/bin/sh', ['sh', '-c', 'echo $$ $MARK'], { MARK: 'marked' });
    console.log('still here');`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script]);
  const [pid] = stdout.split('\n');
  assert.equal(stdout, `${pid}\n${pid} marked\n`);
  assert.equal(stderr, '');
});
