import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { ProcessIdentity } from '../workers/process-activity.ts';

/**
 * Reads lines of `<seconds> <pid>:<start> …`, each of which replaces the previous one. When its input
 * ends without the line `end`, the primary has died: the script waits for so many seconds, and kills
 * those of the processes that still exist. The start of a process is the 22nd field of its stat file.
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
 * A small shell process that outlives the primary, and kills workers that do not end by themselves
 * after its death. A worker whose event loop is blocked cannot, and would keep its share of the new
 * connections forever.
 */
export class OrphanGuard {
  #child: ChildProcess | null = null;

  /** @param limitMs how long workers may live after the primary's death */
  watch(workers: readonly ProcessIdentity[], limitMs: number): void {
    const known = workers.filter(({ startedAt }) => startedAt !== '');
    if (known.length === 0) return;
    const names = known.map(({ pid, startedAt }) => `${pid}:${startedAt}`);
    this.#write(`${Math.ceil(limitMs / 1000)} ${names.join(' ')}`);
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
  // Without a shell there is no guard.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child;
}
