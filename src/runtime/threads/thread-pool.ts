import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../../errors.ts';
import { ownFile } from '../../package.ts';
import type { ThreadAnswer } from './thread-answers.ts';

export interface ThreadPoolOptions {
  /** Questions that may wait; more are refused. */
  readonly maxWaiting: number;
  /** So many of one client's. */
  readonly maxWaitingOfClient: number;
  /** How long an answer may take, ms; 0 for no limit. */
  readonly timeoutMs: number;
}

/** A question that waits for its answer, or for its turn. */
export interface ThreadTask<Answer> {
  /** @throws TOO_BUSY when it takes too long, CLIENT_GONE when it was cancelled, or what went wrong. */
  readonly answer: Promise<Answer>;
  /** The answer is not wanted any more. */
  cancel(): void;
}

interface Task<Question, Answer> extends ThreadTask<Answer> {
  readonly question: Question;
  readonly client: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Answers questions that take long in threads of their own, so that no request waits for another's.
 * Clients have their turns: one that asks much waits behind itself. Threads run as long as this
 * process, and end with it.
 */
export class ThreadPool<Question, Answer> {
  readonly #file: string;
  readonly #options: ThreadPoolOptions;
  /** Tasks that wait, by their client; the first client is the next one. */
  readonly #waiting = new Map<string, Task<Question, Answer>[]>();
  readonly #idle: Worker[] = [];
  /** What each busy thread works on, and what ends it when that takes too long. */
  readonly #running = new Map<
    Worker,
    { task: Task<Question, Answer>; late: NodeJS.Timeout | null }
  >();
  #count = 0;

  /** `file` answers by `answerQuestions`; its name is as `ownFile` takes it. */
  constructor(file: string, options: ThreadPoolOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** @throws TOO_BUSY when too many wait */
  ask(question: Question, client: string): ThreadTask<Answer> {
    const ofClient = this.#waiting.get(client) ?? [];
    const { maxWaiting, maxWaitingOfClient } = this.#options;
    if (this.#count >= maxWaiting || ofClient.length >= maxWaitingOfClient) {
      throw busy();
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const cancel = (): void => this.#cancel(task);
    const task = { answer: promise, question, client, resolve, reject, cancel };
    ofClient.push(task);
    this.#waiting.set(client, ofClient);
    this.#count++;
    this.#next();
    return task;
  }

  #next(): void {
    if (this.#count === 0) return;
    const thread = this.#idle.pop() ?? this.#start();
    if (thread === null) return;
    const task = this.#takeNext();
    const { timeoutMs } = this.#options;
    const late = timeoutMs === 0 ? null : setTimeout(() => this.#end(thread, busy()), timeoutMs);
    this.#running.set(thread, { task, late });
    thread.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
    thread.postMessage(task.question);
  }

  /** The thread is not busy any more; gives what it worked on. */
  #release(thread: Worker): Task<Question, Answer> | undefined {
    const running = this.#running.get(thread);
    this.#running.delete(thread);
    if (running?.late) clearTimeout(running.late);
    return running?.task;
  }

  #takeNext(): Task<Question, Answer> {
    const [[client, tasks]] = this.#waiting as Iterable<[string, Task<Question, Answer>[]]> as [
      [string, Task<Question, Answer>[]],
    ];
    const task = tasks.shift() as Task<Question, Answer>;
    // Others first, before this client's next one.
    this.#waiting.delete(client);
    if (tasks.length > 0) this.#waiting.set(client, tasks);
    this.#count--;
    return task;
  }

  #start(): Worker | null {
    if (this.#running.size >= Math.max(1, Math.min(4, availableParallelism() - 1))) return null;
    const thread = new Worker(ownFile(this.#file));
    thread.on('message', ({ answer, error }: ThreadAnswer<Answer>) => {
      const task = this.#release(thread);
      // Its answer came when it was being ended already.
      if (task === undefined) return;
      this.#idle.push(thread);
      // A thread that waits keeps no process from its end.
      thread.unref();
      if (error === undefined) task.resolve(answer as Answer);
      else task.reject(new Error(error));
      this.#next();
    });
    thread.on('error', (error) => this.#end(thread, error));
    thread.on('exit', () => this.#end(thread, new Error('the thread has ended')));
    return thread;
  }

  #end(thread: Worker, error: unknown): void {
    const task = this.#release(thread);
    const index = this.#idle.indexOf(thread);
    if (index >= 0) this.#idle.splice(index, 1);
    task?.reject(error as Error);
    void thread.terminate();
    this.#next();
  }

  #cancel(task: Task<Question, Answer>): void {
    const tasks = this.#waiting.get(task.client);
    const index = tasks?.indexOf(task) ?? -1;
    if (tasks !== undefined && index >= 0) {
      tasks.splice(index, 1);
      if (tasks.length === 0) this.#waiting.delete(task.client);
      this.#count--;
    }
    task.reject(new GatewayError('CLIENT_GONE'));
  }
}

function busy(): GatewayError {
  return new GatewayError('TOO_BUSY');
}
