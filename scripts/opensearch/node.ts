/** One OpenSearch node: a JVM of its own, that can be killed and started again on the same data. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, closeSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { classPath, openSearchDistribution } from './distribution.ts';

/** How long a node may take until it answers, ms; three start at once on a busy machine. */
const START_TIMEOUT = 300_000;

export interface NodeSettings {
  readonly name: string;
  /** Folder of the node's own: configuration, data and log. */
  readonly folder: string;
  readonly httpPort: number;
  readonly transportPort: number;
  /** Settings for `opensearch.yml`, beside those that follow from the above. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const loggingSettings = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`;

/** Light on memory and quick to start, rather than quick in the long run. */
const javaOptions = [
  '-Xms512m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xshare:auto',
  '-Djava.awt.headless=true',
  '-Dfile.encoding=UTF-8',
  '-Dlog4j2.disable.jmx=true',
  '-Dopensearch.distribution.type=zip',
  '-Dopensearch.bundled_jdk=false',
  // Without JNA's native half OpenSearch cannot tell, and so does not mind, that it runs as root, as
  // it does in containers; nothing else that the tests need comes from there.
  '-Djna.nosys=true',
  '-Djna.nounpack=true',
  '-Djna.boot.library.path=/nonexistent',
];

let launcher: readonly string[] | undefined;

/** Where the system can, a node dies with the process that started it, however that one ends. */
function launcherPrefix(): readonly string[] {
  return (launcher ??=
    spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0
      ? ['setpriv', '--pdeathsig', 'KILL']
      : []);
}

export class OpenSearchNode {
  readonly name: string;
  /** Origin of its REST interface, `http://127.0.0.1:port`. */
  readonly endpoint: string;
  #settings: NodeSettings;
  #process: ChildProcess | undefined;

  constructor(settings: NodeSettings) {
    this.name = settings.name;
    this.endpoint = `http://127.0.0.1:${settings.httpPort}`;
    this.#settings = settings;
    this.#layOut();
  }

  get pid(): number | undefined {
    return this.running ? this.#process?.pid : undefined;
  }

  get running(): boolean {
    return (
      this.#process !== undefined &&
      this.#process.exitCode === null &&
      this.#process.signalCode === null
    );
  }

  get #log(): string {
    return join(this.#settings.folder, 'node.log');
  }

  /** A home folder that shares the distribution's libraries, and the configuration. */
  #layOut(): void {
    const { name, folder, httpPort, transportPort, settings } = this.#settings;
    const { home } = openSearchDistribution();
    for (const part of ['home/plugins', 'config', 'tmp']) {
      mkdirSync(join(folder, part), { recursive: true });
    }
    for (const part of ['lib', 'modules']) {
      symlinkSync(join(home, part), join(folder, 'home', part));
    }
    const configuration = {
      'node.name': name,
      'network.host': '127.0.0.1',
      'http.port': httpPort,
      'transport.port': transportPort,
      'path.data': join(folder, 'data'),
      'path.logs': join(folder, 'logs'),
      ...settings,
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'config', 'opensearch.yml'), JSON.stringify(configuration, null, 1));
    writeFileSync(join(folder, 'config', 'log4j2.properties'), loggingSettings);
  }

  /** Starts the node and waits until it belongs to a cluster. @throws Error with the log's end */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs already`);
    const { java, home } = openSearchDistribution();
    const { folder } = this.#settings;
    const [command, ...args] = [
      ...launcherPrefix(),
      java,
      ...javaOptions,
      '-Djava.security.manager=allow',
      `-Djava.io.tmpdir=${join(folder, 'tmp')}`,
      `-Dopensearch.path.home=${join(folder, 'home')}`,
      `-Dopensearch.path.conf=${join(folder, 'config')}`,
      '-cp',
      classPath(home),
      'org.opensearch.bootstrap.OpenSearch',
    ];
    const log = openSync(this.#log, 'a');
    this.#process = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log] });
    closeSync(log);
    const deadline = Date.now() + START_TIMEOUT;
    while (!(await this.#joined())) {
      if (!this.running || Date.now() > deadline) {
        const end = readFileSync(this.#log, 'utf8').slice(-3000);
        await this.kill();
        throw new Error(`OpenSearch's ${this.name} did not start:\n${end}`);
      }
      await sleep(100);
    }
  }

  async #joined(): Promise<boolean> {
    try {
      // Answered only once the node knows a cluster manager.
      const url = `${this.endpoint}/_cluster/health?cluster_manager_timeout=1s`;
      const response = await fetch(url, { signal: AbortSignal.timeout(3000) });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Ends the process as a crash would, `kill -9`, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.#process || !this.running) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  /** The same without waiting, for a program that is ending. */
  killNow(): void {
    if (this.running) this.#process?.kill('SIGKILL');
  }
}
