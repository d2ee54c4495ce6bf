import type { FilterDefinition } from '../flow/filter.ts';
import echo from './echo.ts';
import elasticsearch from './elasticsearch.ts';
import http from './http.ts';
import setResponse from './set-response.ts';

/** Every built-in filter. A new one is a new file and a line here. */
export const filters: readonly FilterDefinition[] = [echo, setResponse, http, elasticsearch];

export { syntax } from '../flow/syntax.ts';
