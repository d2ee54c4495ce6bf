import type { Dialect } from '../dialect.ts';
import { filters } from '../filters/index.ts';
import { syntax } from './syntax-checks.ts';

/**
 * The built-in filters and the checks of texts and conditions, for all code that reads configurations.
 * The command line passes them in, because neither config nor primary may import the code that serves
 * requests.
 */
export const builtIn: Dialect = { filters, syntax };
