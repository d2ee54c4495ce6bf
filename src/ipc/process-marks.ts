/** Marks by which processes recognise each other without a channel between them. */

/**
 * Title of a worker, by which a primary that starts recognises the workers of one that has died.
 */
export const workerTitle = 'evergate: worker';
/** At the end of the title of a worker that accepts no connections any more. */
export const closedMark = 'closed';
/** In the environment of a gateway whose parent is the first process of a container. */
export const initMark = 'EVERGATE_INIT';
