/**
 * What the package offers, derived from the files directly in src: each is one public subpath, and package.json has to say
 * the same. `index` is the package root; every other file is the subpath of its own name.
 */
export type ExportTarget = { readonly types: string; readonly default: string };
export type PackageExports = Readonly<Record<string, ExportTarget | string>>;

/** A file whose name says more than its subpath, because src has a folder of the subpath's name. */
const SUBPATHS: Readonly<Record<string, string>> = { 'postgres-sink': 'postgres' };

/** The subpath of a file directly in src: `src/kafka.ts` is `./kafka`, `src/index.ts` is `.`. */
export function planSubpath(sourcePath: string): string {
  const name = sourcePath.replace(/^src\//, '').replace(/\.ts$/, '');
  return name === 'index' ? '.' : `./${SUBPATHS[name] ?? name}`;
}

/** The `exports` that package.json must hold for these files, root first, types first in each. */
export function planExports(sourcePaths: readonly string[]): PackageExports {
  const targets = sourcePaths
    .map((path) => ({ subpath: planSubpath(path), built: path.replace(/^src\//, './dist/').replace(/\.ts$/, '') }))
    .toSorted((a, b) => (a.subpath < b.subpath ? -1 : 1))
    .map(({ subpath, built }) => [subpath, { types: `${built}.d.ts`, default: `${built}.js` }] as const);
  return { ...Object.fromEntries(targets), './package.json': './package.json' };
}

/** The `bin` that package.json must hold, or undefined while there is no command. */
export function planBin(hasCommand: boolean): Readonly<Record<string, string>> | undefined {
  return hasCommand ? { headwater: 'dist/cli/main.js' } : undefined;
}
