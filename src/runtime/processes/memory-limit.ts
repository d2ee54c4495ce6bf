import { totalmem } from 'node:os';

/** Bytes that this process and its children may use: the machine's memory, or its control group's. */
export function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
