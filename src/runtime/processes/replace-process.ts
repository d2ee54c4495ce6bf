/** `process.execve` is there since Node.js 23.11 and 22.15, and still called experimental. */
interface Replaceable {
  execve?(file: string, args: readonly string[], environment: NodeJS.ProcessEnv): void;
}

/**
 * Runs another program in this process, with its id and its standard streams; gives back control only
 * where that is not possible.
 *
 * Relies on: `process.execve`, and `process.emitWarning` as what its warning goes through.
 */
export function replaceProcess(
  file: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): void {
  // That it is experimental is nothing that an operator has to know.
  const emitWarning = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  process.emitWarning = () => {};
  try {
    (process as Replaceable).execve?.(file, args, environment);
  } catch {
    // As on other systems.
  } finally {
    if (emitWarning) Object.defineProperty(process, 'emitWarning', emitWarning);
  }
}
