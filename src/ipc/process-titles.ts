/**
 * Processes tell each other by their titles how they are where there is no channel between them: a
 * primary that starts finds by them the workers that another one has left behind.
 */
export const workerTitle = 'evergate: worker';
/** At the end of the title of a worker that accepts no connections any more. */
export const closedMark = 'closed';
