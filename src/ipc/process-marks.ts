/** By these processes know each other where there is no channel between them. */

/**
 * Title of a worker. A primary that starts finds by it the workers that another one has left behind.
 */
export const workerTitle = 'evergate: worker';
/** At the end of the title of a worker that accepts no connections any more. */
export const closedMark = 'closed';
/** In the environment of a gateway whose parent is the first process of a container. */
export const initMark = 'EVERGATE_INIT';
