import type { Dialect } from '../dialect.ts';
import { filters } from '../filters/index.ts';
import { syntax } from './syntax-checks.ts';

/**
 * The built-in filters and the checks of texts and conditions, for everything that reads
 * configurations. They are passed in from here because neither config nor primary may know the code
 * that serves requests.
 */
export const builtIn: Dialect = { filters, syntax };
