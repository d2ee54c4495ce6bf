import { existsSync } from 'node:fs';
import { initMark } from '../ipc/process-marks.ts';
import { createLog } from '../log.ts';
import { replaceProcess } from '../runtime/processes/replace-process.ts';

const shell = '/bin/sh';

/**
 * Starts the program, forwards signals to it, waits for it and for every process without a parent,
 * and exits with its exit code.
 */
const init = `
"$@" &
child=$!
for signal in HUP INT QUIT TERM USR1 USR2; do
  trap "kill -$signal $child" "$signal"
done
while :; do
  wait "$child"
  status=$?
  kill -0 "$child" 2>/dev/null || exit "$status"
done`;

/**
 * The first process of a container becomes the parent of every orphaned process, such as those of exec
 * probes, and must wait for them when they exit. Node.js waits for its own children only. Therefore a
 * shell replaces this process and starts the program again.
 */
export function leaveFirstProcess(): void {
  if (process.pid !== 1 || process.platform !== 'linux') return;
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  if (existsSync(shell)) {
    replaceProcess(shell, ['sh', '-c', init, 'evergate: init', ...program], {
      ...process.env,
      [initMark]: '1',
    });
  }
  createLog('warn').warn(
    'this is the first process of a container without a shell: orphaned processes remain as zombies when they exit; run the gateway under an init process (docker run --init)',
  );
}
