import type { ChildProcess } from 'node:child_process';
import { signal } from '../processes.ts';
import type { Setting, Target, TargetOptions } from './target.ts';

/** A proxy of other people's making: what it cannot do, or does not tell, it leaves as it is here. */
export abstract class Peer implements Target {
  abstract readonly name: string;
  abstract title: string;
  main: ChildProcess | null = null;
  readonly watchesFile = false;
  readonly resizable: boolean = true;
  readonly workers: (() => number[]) | null = null;
  readonly reloadByApi = null;
  readonly upgrade = null;
  readonly restart = null;
  readonly killPrimary = null;
  readonly generation = null;
  readonly settled = null;
  readonly complaints = null;
  protected readonly options: TargetOptions;

  constructor(options: TargetOptions) {
    this.options = options;
  }

  abstract save(setting: Setting): void;
  abstract start(): Promise<void>;
  abstract reload(): Promise<void>;

  async stop(): Promise<void> {
    signal(this.main?.pid ?? 0, 'SIGTERM');
  }
}
