import type { PrimaryOptions } from '../../primary/options.ts';

/** Options of the primary, with paths in place of the source of its configuration. */
type RunOptions = Omit<PrimaryOptions, 'source' | 'record'> & {
  /** Configuration files and folders, in order of precedence. */
  readonly paths: readonly string[];
  readonly ignoreUnsupported?: boolean | undefined;
};

/** Runs a gateway with this process as its primary; settles when it has ended. @throws like startPrimary */
export async function run({
  paths,
  ignoreUnsupported = false,
  ...options
}: RunOptions): Promise<void> {
  const [{ startPrimary }, { FileSource }, { InstanceRecord }, { builtIn }] = await Promise.all([
    import('../../primary/primary.ts'),
    import('../../primary/configuration-source.ts'),
    import('../../primary/instance/instance-record.ts'),
    import('../built-in.ts'),
  ]);
  const source = new FileSource(paths, builtIn, ignoreUnsupported);
  await startPrimary({ source, record: new InstanceRecord(paths), ...options });
}
