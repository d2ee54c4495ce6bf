import { existsSync } from 'node:fs';
import { initMark } from '../ipc/process-marks.ts';
import { createLog } from '../log.ts';
import { replaceProcess } from '../runtime/processes/replace-process.ts';

const shell = '/bin/sh';

/**
 * Starts the program and waits for it, and thereby for every process without a parent; passes signals
 * on, and ends as the program has ended.
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
 * The first process of a container becomes the parent of every process that has lost its own, such as
 * those of exec probes, and has to wait for them when they end. Node.js waits for its own children
 * alone, so a shell takes the place of this process and starts the program anew.
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
    'this is the first process of a container without a shell: processes that lose their parent stay as zombies when they end; run it under an init (docker run --init)',
  );
}
