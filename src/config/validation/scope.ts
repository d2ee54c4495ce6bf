import type { EntryFiles } from '../../tls/credentials.ts';
import { type FilterTable } from '../../dialect.ts';
import type { Path, Place, ProblemList } from '../problem.ts';
import type { SyntaxChecks } from '../../dialect.ts';
import type { MapNode } from '../source/tree.ts';

export type ReferenceKind = 'router' | 'flow' | 'cluster';

/** Named items of the configuration, by kind. */
export type NameTable = Readonly<Record<ReferenceKind, ReadonlyMap<string, NamedThing>>>;

/** The name of what has that `id`, by kind. */
export type IdTable = Readonly<Record<ReferenceKind, ReadonlyMap<string, string>>>;

export interface NamedThing {
  readonly place: Place;
  readonly enabled: boolean;
}

/** A place in a flow that names another flow to run. */
export interface FlowUse {
  /** The flow that is named. */
  readonly flow: string;
  readonly path: Path;
}

/** The state that all steps of the validation share. */
export interface Scope {
  readonly root: MapNode;
  readonly problems: ProblemList;
  readonly filters: FilterTable;
  readonly syntax: SyntaxChecks;
  readonly names: NameTable;
  readonly ids: IdTable;
  /** Absolute path of a file or folder that the configuration names at `place`. */
  readonly absolutePath: (path: string, place: Place) => string;
  /** Absolute path of a folder that nobody named. */
  readonly defaultPath: (name: string) => string;
  /** A change of this file is a change of the configuration, too. */
  readonly watchFile: (path: string) => void;
  /** Places in flows that name other flows, as they are found. */
  readonly flowUses: FlowUse[];
  /** Contents of the TLS files of the enabled entries, by entry. */
  readonly tlsFiles: Map<string, EntryFiles>;
}
