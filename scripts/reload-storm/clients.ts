/**
 * The clients, a process of their own. Started by fork; takes `ToClients` messages, sends one
 * TallyReport when the last client is done, ends with its parent.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Client } from './client.ts';
import { kinds } from './kinds.ts';
import { endWithParent } from './processes.ts';
import { type Phase, Tally } from './tally.ts';

export type ToClients =
  | {
      readonly type: 'start';
      readonly port: number;
      /** Of each client, ms. */
      readonly patience: number;
      readonly counts: Readonly<Record<string, number>>;
    }
  | { readonly type: 'phase'; readonly phase: Phase }
  /** Ask nothing new; report when everything asked has been answered or has failed. */
  | { readonly type: 'stop' };

endWithParent();
const tally = new Tally();
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
let running = true;
let names: string[] = [];
let loops: Promise<void>[] = [];

process.on('message', (message: ToClients) => {
  switch (message.type) {
    case 'start': {
      const { port, patience } = message;
      names = Object.keys(message.counts);
      tally.enter('before', names);
      loops = Object.entries(message.counts).flatMap(([kind, count]) =>
        Array.from({ length: count }, async (_, number) => {
          const client = new Client(kind, number, port, tally, () => running, patience);
          await kinds[kind]?.loop(client, number);
        }),
      );
      break;
    }
    case 'phase':
      tally.enter(message.phase, names);
      break;
    case 'stop':
      running = false;
      tally.finish();
      void Promise.all(loops).then(() => process.send?.(tally.report(delay.max / 1e6)));
      break;
  }
});
