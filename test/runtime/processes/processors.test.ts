import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { processorQuota, processors } from '../../../src/runtime/processes/processors.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const mountinfo = (top: string): string => `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 ${top} /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
`;

const cases = [
  { name: 'none', top: '/', folder: '/', quota: '-1', expected: null },
  { name: 'the group at the top', top: '/', folder: '/', quota: '150000', expected: 1.5 },
  { name: 'a group below', top: '/', folder: '/box/one', quota: '50000', expected: 0.5 },
  {
    name: 'a container',
    top: '/box/one',
    folder: '/',
    group: '/box/one',
    quota: '300000',
    expected: 3,
  },
  {
    name: 'a container in a namespace',
    top: '/',
    folder: '/',
    group: '/',
    quota: '200000',
    expected: 2,
  },
];

for (const { name, top, folder, group = folder, quota, expected } of cases) {
  test(`the processors' quota of a control group: ${name}`, (t) => {
    const root = temporaryFolder(t);
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    write('/proc/self/cgroup', `3:cpuset:/\n2:cpuacct:/other\n1:cpu:${group}\n0::/\n`);
    write('/proc/self/mountinfo', mountinfo(top));
    write(join('/sys/fs/cgroup/cpu', folder, 'cpu.cfs_quota_us'), `${quota}\n`);
    write(join('/sys/fs/cgroup/cpu', folder, 'cpu.cfs_period_us'), '100000\n');
    assert.equal(processorQuota(root), expected);
  });
}

test('a machine without control groups sets no quota', (t) => {
  assert.equal(processorQuota(temporaryFolder(t)), null);
  assert.ok(processors() >= 1);
});
