/** Where OpenSearch comes from: one zip of Maven Central, unpacked once into the user's cache. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The newest line that runs on Java 11 to 23; 3.x needs 21. */
const VERSION = '2.19.4';
const ARTIFACT = `org.opensearch.distribution.integ-test-zip:opensearch:${VERSION}:zip`;
const UNPACK = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack';

/** How long Maven may take to fetch the zip (56 MB) and its own plugin, ms. */
const DOWNLOAD_TIMEOUT = 300_000;

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'evergate');
const home = join(cache, `opensearch-${VERSION}`);

/** Major version of a `java` program; 0 when it does not run. */
function javaVersion(java: string): number {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
}

function suitableJava(): string | undefined {
  const homes = [process.env['OPENSEARCH_JAVA_HOME'], process.env['JAVA_HOME']];
  const candidates = homes.flatMap((path) => (path ? [join(path, 'bin', 'java')] : []));
  return [...candidates, 'java'].find((java) => {
    const version = javaVersion(java);
    return version >= 11 && version <= 23;
  });
}

/** Why no cluster can be started on this machine; undefined when one can. */
export function whyNoOpenSearch(): string | undefined {
  if (!suitableJava()) return 'no Java 11 to 23 on this machine';
  if (!existsSync(home) && spawnSync('mvn', ['-v']).status !== 0) {
    return 'no Maven on this machine to fetch OpenSearch with';
  }
  return undefined;
}

/**
 * The Java program and the unpacked distribution's folder; fetched first when it is not there yet.
 * @throws Error when Java or Maven is missing, or the download failed
 */
export function openSearchDistribution(): { java: string; home: string } {
  const reason = whyNoOpenSearch();
  const java = suitableJava();
  if (reason || !java) throw new Error(`OpenSearch cannot run here: ${reason}`);
  if (!existsSync(home)) fetchDistribution();
  return { java, home };
}

function fetchDistribution(): void {
  // Unpacked beside its place and renamed, so that what is in place is always whole.
  const staging = `${home}.${process.pid}`;
  mkdirSync(staging, { recursive: true });
  try {
    const mvn = spawnSync(
      'mvn',
      ['-B', '-q', UNPACK, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${staging}`],
      // The folder of a project would make Maven read that project.
      { cwd: staging, encoding: 'utf8', timeout: DOWNLOAD_TIMEOUT },
    );
    const unpacked = join(staging, `opensearch-${VERSION}`);
    if (mvn.status !== 0 || !existsSync(unpacked)) {
      throw new Error(`Maven did not bring ${ARTIFACT}:\n${mvn.stdout}${mvn.stderr}`);
    }
    try {
      renameSync(unpacked, home);
    } catch (error) {
      // Another process was faster; its copy is as good.
      if (!existsSync(home)) throw error;
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Java's class path: every library of the distribution. */
export function classPath(distribution: string): string {
  const lib = join(distribution, 'lib');
  const jars = readdirSync(lib).filter((name) => name.endsWith('.jar'));
  return jars.map((name) => join(lib, name)).join(':');
}
