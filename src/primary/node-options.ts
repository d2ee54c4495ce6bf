/** For one process alone: what it runs instead of a script, and how it is debugged or tested. */
const own =
  /^(?:--(?:inspect|test|eval|print|watch|input-type|check|interactive)|-(?:e|p|pe|i|c)$)/;

/**
 * Node.js's own options of this process that make sense for others that run this program, each with
 * its value, which may stand in an argument of its own.
 */
export function nodeOptions(given: readonly string[] = process.execArgv): string[] {
  let isOwn = false;
  return given.filter((argument) => {
    if (argument.startsWith('-')) isOwn = own.test(argument);
    return !isOwn;
  });
}

/**
 * Nothing here follows a request by AsyncLocalStorage, and Node.js's way to do so that every callback
 * pays for costs 2 to 3 % of a request. In a plugin it works without, too.
 */
const withoutFrames = '--no-async-context-frame';

/** Options of workers; those of this process override ours. */
export function workerOptions(given: readonly string[] = process.execArgv): string[] {
  const known = process.allowedNodeEnvironmentFlags.has(withoutFrames);
  return [...(known ? [withoutFrames] : []), ...nodeOptions(given)];
}
