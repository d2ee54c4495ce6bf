/** The actions that signals request. */
export type SignalIntent = 'reload' | 'upgrade' | 'stop';

/**
 * | Signal      | The primary                                             | A worker               |
 * | ----------- | ------------------------------------------------------- | ---------------------- |
 * | `HUP`       | reloads the configuration, and replaces every worker    | ignores it             |
 * | `USR2`      | starts the installed program, which replaces it         | ignores it             |
 * | `USR1`      | ignores it; Node.js would open its debugger             | ignores it             |
 * | `TERM`,`INT`| drains and ends with 0; a second one, later, ends at once | `TERM`: is replaced, drains, ends; `INT`: ignores it |
 * | `KILL`      | workers serve on until another primary takes over, or `supervision.orphan_timeout` has passed | is replaced |
 *
 * A worker ignores signals that a terminal or a supervisor sends to the whole process group, and on
 * which the primary acts.
 */
const intents: Readonly<Partial<Record<NodeJS.Signals, SignalIntent>>> = {
  SIGHUP: 'reload',
  SIGUSR2: 'upgrade',
  SIGTERM: 'stop',
  SIGINT: 'stop',
};

/** Calls `enqueue` for each signal. Returns a function that stops listening. */
export function listenToSignals(
  enqueue: (intent: SignalIntent, signal: NodeJS.Signals) => void,
): () => void {
  const undo = Object.entries(intents).map(([name, intent]) => {
    const signal = name as NodeJS.Signals;
    const onSignal = (): void => enqueue(intent, signal);
    process.on(signal, onSignal);
    return () => process.off(signal, onSignal);
  });
  return () => {
    for (const stop of undo) stop();
  };
}
