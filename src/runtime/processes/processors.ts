import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';

/**
 * Processors that this process may use. Node.js counts those that it may run on and knows quotas of
 * version 2 of control groups; in version 1 it misses a `cpu` controller that is mounted by itself.
 */
export function processors(): number {
  const quota = processorQuota();
  const available = availableParallelism();
  return quota === null ? available : Math.max(1, Math.min(available, Math.floor(quota)));
}

/**
 * How many processors' time the control group of version 1 grants; null where it sets no limit.
 * @param root folder that stands for `/`
 */
export function processorQuota(root = '/'): number | null {
  const read = (...path: string[]): string | null => {
    try {
      return readFileSync(join(root, ...path), 'utf8');
    } catch {
      return null;
    }
  };
  const hasProcessors = (names: string): boolean => names.split(',').includes('cpu');
  const group = (read('/proc/self/cgroup') ?? '')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, controllers = '']) => hasProcessors(controllers))?.[2];
  const mount = (read('/proc/self/mountinfo') ?? '')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields.at(-3) === 'cgroup' && hasProcessors(fields.at(-1) ?? ''));
  const [top, folder] = [mount?.[3], mount?.[4]];
  if (group === undefined || top === undefined || folder === undefined) return null;
  // A container sees its own group as the top of the mount, under the path that the host has for it.
  const below = relative(top, group);
  const own = below.startsWith('..') ? folder : join(folder, below);
  const quota = Number(read(own, 'cpu.cfs_quota_us') ?? -1);
  const period = Number(read(own, 'cpu.cfs_period_us') ?? 0);
  return quota > 0 && period > 0 ? quota / period : null;
}
