/**
 * A turn of the event loop as short as this leaves next to nothing unread, ms. A process that is busy,
 * or that the system takes from its processor, is granted longer ones with each four that were not.
 */
const shortTurn = 0.1;
/** A loop that never has a short turn is not waited for any longer. */
const mostTurns = 20;

/**
 * Calls back once what has arrived is read. Timers run before the event loop looks at its sockets,
 * and in a process that is behind, requests that came in time may still be unread when a timer says
 * that none came.
 */
export function onceCaughtUp(callback: () => void): void {
  let turns = 0;
  let began = performance.now();
  setImmediate(function look() {
    const now = performance.now();
    turns++;
    if (now - began <= shortTurn * 2 ** (turns >> 2) || turns >= mostTurns) {
      callback();
      return;
    }
    began = now;
    setImmediate(look);
  });
}
