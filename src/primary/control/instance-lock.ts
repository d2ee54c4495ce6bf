import { GatewayError } from '../../errors.ts';
import { folderReason, makeFolder } from '../../runtime/directories.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { instanceFolders, isFurtherInstance } from './instances.ts';
import { Control } from './socket.ts';
import type { ControlRoutes } from './server.ts';
import { releasePidFile, takePidFile } from './pid-file.ts';
import type { InstanceRecord } from './instance-record.ts';
import { controlSocketPath } from './socket-path.ts';

/** What tells the outside which process is the gateway: the control socket, and a pid file. */
export class Place {
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

  get isTaken(): boolean {
    return this.#control !== null;
  }

  /**
   * Where the gateway keeps its files: where the one that it succeeds has them, or in the first folder
   * that no other gateway has, which it takes.
   * @throws as `take`, for the last of them
   */
  async find(
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
        // oxlint-disable-next-line no-await-in-loop -- the next one only when this is taken
        await this.take(folder);
        return folder;
      } catch (error) {
        const isTaken = error instanceof GatewayError && error.code === 'ALREADY_RUNNING';
        if (!isTaken || this.#control !== null || index === folders.length - 1) throw error;
      }
    }
    throw new Error('there is no folder to take');
  }

  /**
   * @param data path.data
   * @param predecessor process that lets this one have its place
   * @throws ALREADY_RUNNING, DATA_UNUSABLE, PID_FILE_FAILED
   */
  async take(data: string, predecessor?: number): Promise<void> {
    const succeeds = predecessor !== undefined;
    // The socket comes last when it is taken from a gateway that runs, and first when it decides
    // which of two is to run.
    if (succeeds && this.#pidFile) takePidFile(this.#pidFile, predecessor);
    this.#control = await this.#openControl(data, succeeds);
    if (!succeeds && this.#pidFile) takePidFile(this.#pidFile);
    this.#record?.write(this.#control.path);
  }

  async #openControl(data: string, succeeds: boolean): Promise<Control> {
    try {
      makeFolder(data, 0o700);
      return await Control.open(controlSocketPath(data), this.#routes, succeeds);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw new GatewayError('DATA_UNUSABLE', { path: data, reason: folderReason(error) }, error);
    }
  }

  /** Takes back what a process that failed to succeed this one may have taken. */
  async restore(successor: number): Promise<void> {
    if (this.#pidFile) takePidFile(this.#pidFile, successor);
    const before = this.#control;
    if (!before || before.isInPlace) return;
    this.#control = await Control.open(before.path, this.#routes, true);
    this.#record?.write(before.path);
    // Who asked for the change waits for an answer there.
    void before.close();
  }

  /** Leaves it, unless it is another process's already. */
  async leave(): Promise<void> {
    await this.#control?.close();
    this.#record?.remove();
    if (this.#pidFile) releasePidFile(this.#pidFile);
  }
}
