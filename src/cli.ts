#!/usr/bin/env node
// Nothing is imported statically, and nothing is newer than import(): a Node that is too old must
// get as far as saying so.

// First of all: Node.js opens its debugger on this signal, to every user of the machine. Workers, and
// programs that an upgrade starts, run with --disable-sigusr1.
process.on('SIGUSR1', () => {});

const needed = [24, 21];
const actual = process.versions.node.split('.').map(Number);
if (actual[0]! < needed[0]! || (actual[0] === needed[0] && actual[1]! < needed[1]!)) {
  console.error(
    `evergate needs Node.js ${needed.join('.')} or newer; this is ${process.versions.node}`,
  );
  process.exitCode = 2;
} else {
  void start();
}

async function start(): Promise<void> {
  const { keepCompiledCode } = await import('./runtime/modules/compile-cache.ts');
  keepCompiledCode();
  await import('./cli/main.ts');
}
