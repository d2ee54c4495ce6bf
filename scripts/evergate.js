#!/usr/bin/env node
// Starts the program with a Node.js that can run it: this one, or the package "node" beside it.
// It is plain JavaScript, with nothing that an old Node.js would not understand.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Node.js opens its debugger on this signal.
process.on('SIGUSR1', () => {});

const needed = [24, 21];
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (isNewEnough()) await import(programFile());
else await runByOther();

function isNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** The sources where they are, as in a clone; else what was built from them. */
function programFile() {
  const sources = join(root, 'src', 'cli.ts');
  return pathToFileURL(existsSync(sources) ? sources : join(root, 'dist', 'cli.js')).href;
}

async function runByOther() {
  const node = nodeOfPackage();
  if (node === undefined) {
    console.error(
      `evergate needs Node.js ${needed.join('.')} or newer; this is ${process.versions.node}. ` +
        '"npm install node@26" brings one, if npm lets that package run its install script',
    );
    process.exitCode = 2;
    return;
  }
  const child = spawn(node, ['--disable-sigusr1', ...process.argv.slice(1)], { stdio: 'inherit' });
  // A terminal sends its signals to both; a supervisor knows this process only.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', ({ message }) => {
    console.error(`evergate: ${node} cannot be started: ${message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.removeAllListeners(each);
    if (signal === null) process.exitCode = code;
    else process.kill(process.pid, signal);
  });
}

/** In `node_modules` of the program or of whatever it was installed for. */
function nodeOfPackage() {
  for (let folder = root; ; folder = dirname(folder)) {
    const node = join(folder, 'node_modules', 'node', 'bin', 'node');
    if (existsSync(node)) return node;
    if (dirname(folder) === folder) return undefined;
  }
}
