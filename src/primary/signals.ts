/** What the process is asked to do from outside. */
export type SignalIntent = 'reload' | 'upgrade' | 'stop';

/**
 * | Signal      | The primary                                             | A worker               |
 * | ----------- | ------------------------------------------------------- | ---------------------- |
 * | `HUP`       | reloads the configuration, and replaces every worker    | ignores it             |
 * | `USR2`      | starts the installed program in its place, and ends     | ignores it             |
 * | `USR1`      | ignores it; Node.js would open its debugger             | ignores it             |
 * | `TERM`,`INT`| drains and ends with 0; a second one, later, ends at once | `TERM`: is replaced, drains, ends; `INT`: ignores it |
 * | `KILL`      | workers serve on until another primary takes over, or `supervision.orphan_timeout` has passed | is replaced |
 *
 * A worker ignores what a terminal or a supervisor sends to the whole process group and the primary
 * acts upon.
 */
const intents: Readonly<Partial<Record<NodeJS.Signals, SignalIntent>>> = {
  SIGHUP: 'reload',
  SIGUSR2: 'upgrade',
  SIGTERM: 'stop',
  SIGINT: 'stop',
};

/** Calls `enqueue` for each signal, which must only note it. Answers how to stop listening. */
export function listenToSignals(
  enqueue: (intent: SignalIntent, signal: NodeJS.Signals) => void,
): () => void {
  const undo = Object.entries(intents).map(([name, intent]) => {
    const signal = name as NodeJS.Signals;
    const heard = (): void => enqueue(intent, signal);
    process.on(signal, heard);
    return () => process.off(signal, heard);
  });
  return () => {
    for (const stop of undo) stop();
  };
}
