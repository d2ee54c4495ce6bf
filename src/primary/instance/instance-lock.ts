import { GatewayError } from '../../errors.ts';
import { describeFileError, makeFolder } from '../../runtime/directories.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { controlSocketPath, instanceFolders, isFurtherInstance } from './data-folder.ts';
import { Control } from '../control/socket.ts';
import type { ControlRoutes } from '../control/server.ts';
import { releasePidFile, acquirePidFile } from './pid-file.ts';
import type { InstanceRecord } from './instance-record.ts';

/**
 * The right to be the gateway of a data folder: the control socket in it, and a pid file. Other
 * processes find the gateway by them.
 */
export class InstanceLock {
  readonly #pidFile: string | undefined;
  readonly #record: InstanceRecord | undefined;
  readonly #routes: ControlRoutes;
  #control: Control | null = null;

  constructor(
    routes: ControlRoutes,
    pidFile: string | undefined,
    record: InstanceRecord | undefined,
  ) {
    this.#routes = routes;
    this.#pidFile = pidFile;
    this.#record = record;
  }

  get isHeld(): boolean {
    return this.#control !== null;
  }

  /**
   * Acquires the lock in the first folder that no other gateway holds. With a predecessor it acquires
   * nothing: the folder is that of the predecessor.
   * @returns the gateway's path.data
   * @throws as `acquire`, for the last of the folders
   */
  async acquireAny(
    config: GatewayConfig,
    predecessor: { readonly data?: string } | null,
  ): Promise<string> {
    if (predecessor) {
      const { data } = predecessor;
      return data && isFurtherInstance(data, config.path.data) ? data : config.path.data;
    }
    const folders = instanceFolders(config);
    for (const [index, folder] of folders.entries()) {
      try {
        await this.acquire(folder);
        return folder;
      } catch (error) {
        const isHeld = error instanceof GatewayError && error.code === 'ALREADY_RUNNING';
        if (!isHeld || this.#control !== null || index === folders.length - 1) throw error;
      }
    }
    throw new Error('a gateway has at least one folder');
  }

  /**
   * @param data path.data
   * @param predecessor process that hands the lock over to this one
   * @throws ALREADY_RUNNING, DATA_UNUSABLE, PID_FILE_FAILED
   */
  async acquire(data: string, predecessor?: number): Promise<void> {
    const succeeds = predecessor !== undefined;
    // The socket comes last when it is taken from a gateway that runs, and first when it decides
    // which of two is to run.
    if (succeeds && this.#pidFile) acquirePidFile(this.#pidFile, predecessor);
    this.#control = await this.#openControl(data, succeeds);
    if (!succeeds && this.#pidFile) acquirePidFile(this.#pidFile);
    this.#record?.write(this.#control.path);
  }

  async #openControl(data: string, succeeds: boolean): Promise<Control> {
    try {
      makeFolder(data, 0o700);
      return await Control.open(controlSocketPath(data), this.#routes, succeeds);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw new GatewayError(
        'DATA_UNUSABLE',
        { path: data, reason: describeFileError(error) },
        error,
      );
    }
  }

  /** Takes the lock back from a process that failed to replace this one. */
  async restore(successor: number): Promise<void> {
    if (this.#pidFile) acquirePidFile(this.#pidFile, successor);
    const before = this.#control;
    if (!before || before.isInPlace) return;
    this.#control = await Control.open(before.path, this.#routes, true);
    this.#record?.write(before.path);
    // The request for the upgrade still waits for its response there.
    void before.close();
  }

  /** Leaves what another process has taken over. */
  async release(): Promise<void> {
    await this.#control?.close();
    this.#record?.remove();
    if (this.#pidFile) releasePidFile(this.#pidFile);
  }
}
