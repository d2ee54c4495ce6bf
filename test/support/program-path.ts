import { fileURLToPath } from 'node:url';

/** The command line that tests start: the build of `npm test`, or the sources for a file run by itself. */
export const cli =
  process.env.EVERGATE_TEST_PROGRAM ?? fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
