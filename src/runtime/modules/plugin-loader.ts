import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ownFile } from '../../package.ts';

let hooked = false;

/**
 * Imports a plugin: a module that exports one filter definition, or a list of them, as its default.
 * `version` makes a changed file be read anew. @throws what it throws
 */
export async function importPlugin(path: string, version: string): Promise<readonly unknown[]> {
  letImportUs();
  const { href } = pathToFileURL(path);
  const { default: exported } = (await import(`${href}?version=${version}`)) as {
    default?: unknown;
  };
  return Array.isArray(exported) ? exported : [exported];
}

/** What plugins import as "evergate" is this very program, wherever they lie. */
function letImportUs(): void {
  if (hooked) return;
  hooked = true;
  const url = ownFile('index').href;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'evergate' ? { url, shortCircuit: true } : next(specifier, context),
  });
}
