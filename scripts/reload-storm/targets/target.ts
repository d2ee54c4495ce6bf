/** A proxy that the storm is let loose upon. */
import type { ChildProcess } from 'node:child_process';

export interface TargetOptions {
  /** The storm's folder: everything the target writes goes there, and everything works in it. */
  readonly folder: string;
  readonly backendPort: number;
  /** The target's own port. */
  readonly port: number;
  readonly workers: number;
  readonly reusePort: boolean;
  /** Evergate's command line, `src/cli.ts` or `dist/cli.js`. */
  readonly program: string;
}

/** What a configuration says: `version` is what `GET /version` answers. */
export interface Setting {
  readonly version: number;
  readonly workers: number;
}

export interface Target {
  readonly name: string;
  /** Name and version of the program, once started. */
  readonly title: string;
  readonly main: ChildProcess | null;
  /** Takes up a saved configuration without being told to. */
  readonly watchesFile: boolean;
  /** Saves a configuration, in place or, where it may be read at any time, atomically. */
  save(setting: Setting, atomically: boolean): void;
  start(): Promise<void>;
  /** The target's signal, or what its manual says to do instead. */
  reload(): Promise<void>;
  /** Processes that serve clients and are replaced when they die; null when there are none such. */
  readonly workers: (() => number[]) | null;
  /** The number of workers can be changed by a reload. */
  readonly resizable: boolean;
  /** Reload by the control API, where that is another way than `reload`. */
  readonly reloadByApi: (() => Promise<void>) | null;
  /** Replaces the whole program; null when it cannot. */
  readonly upgrade: (() => Promise<void>) | null;
  /** Starts a second program on the same address, then ends the first; null when it cannot. */
  readonly restart: ((setting: Setting) => Promise<void>) | null;
  /** Kills the process that holds the others together, and starts the program anew; null when it cannot. */
  readonly killPrimary: (() => Promise<void>) | null;
  /** Counts the reloads that took effect; null when the target does not tell. */
  readonly generation: (() => Promise<number>) | null;
  /** So many workers serve by the newest configuration; null when the target does not tell. */
  readonly settled: ((count: number) => Promise<boolean>) | null;
  /** What it has to say against itself at the end, in words. */
  readonly complaints: (() => Promise<string[]>) | null;
  /** Ends it in its own way. */
  stop(): Promise<void>;
}

/** The path at which every target answers with the version of its configuration. */
export const VERSION_PATH = '/version';
