/**
 * Makes `process.stdout` and `process.stderr` survive that their reader goes away. Node.js makes these
 * streams when somebody first uses them, and an inherited pipe does not block any more from then on,
 * for any program that has it; so they are not made here.
 *
 * Relies on: both are properties of `process` with a getter that may be replaced, since 0.6. Without a
 * getter nothing is done, and a reader that goes away ends the process.
 */
export function ignoreStreamErrors(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const property = Object.getOwnPropertyDescriptor(process, name);
    if (property?.get === undefined) continue;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get() {
        const stream = property.get?.call(process) as NodeJS.WriteStream;
        Object.defineProperty(process, name, {
          configurable: true,
          enumerable: true,
          value: stream,
        });
        return stream.on('error', () => {});
      },
    });
  }
}
