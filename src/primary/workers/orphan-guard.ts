import { type ChildProcess, spawn } from 'node:child_process';
import type { ProcessIdentity } from './process-activity.ts';

/**
 * Reads lines of what is to be killed, each instead of the one before: `<seconds> <pid>:<start> …`.
 * When its input ends without the line `end`, the primary has died: then it waits for so many seconds,
 * and kills those of the processes that are still there. The start of a process is the 22nd field of
 * its stat file.
 */
const script = `trap '' HUP INT TERM QUIT
last=end
while read -r line; do last=$line; done
[ "$last" = end ] && exit
set -- $last
left=$1
shift
lives() {
  read -r stat 2>/dev/null <"/proc/\${1%:*}/stat" || return 1
  start=\${1#*:}
  set -- \${stat##*) }
  [ "\${20}" = "$start" ]
}
while [ "$left" -gt 0 ]; do
  any=
  for each; do lives "$each" && any=1; done
  [ "$any" ] || exit
  sleep 1
  left=$((left - 1))
done
for each; do lives "$each" && kill -KILL "\${each%:*}"; done`;

/**
 * A small shell that outlives the primary, and ends workers that should have ended by themselves after
 * its death. They cannot do so while their event loop is blocked, and would keep their part of the new
 * connections for good.
 */
export class OrphanGuard {
  #child: ChildProcess | null = null;

  /** @param after how long workers may live after the primary's death, ms */
  watch(workers: readonly ProcessIdentity[], after: number): void {
    const known = workers.filter(({ startedAt }) => startedAt !== '');
    if (known.length === 0) return;
    const names = known.map(({ pid, startedAt }) => `${pid}:${startedAt}`);
    this.#write(`${Math.ceil(after / 1000)} ${names.join(' ')}`);
  }

  close(): void {
    if (this.#child) this.#write('end');
    this.#child?.stdin?.end();
    this.#child = null;
  }

  #write(line: string): void {
    this.#child ??= start();
    this.#child.stdin?.write(`${line}\n`);
  }
}

function start(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script, 'guard'], {
    argv0: 'evergate: guard',
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  // Where there is no shell, workers are left to themselves.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}
