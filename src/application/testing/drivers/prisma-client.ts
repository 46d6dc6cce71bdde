import { PrismaPg } from '@prisma/adapter-pg';
import { getPrismaClient, type GetPrismaClientConfig, type ITXClientDenyList } from '@prisma/client/runtime/client';

/*
 * What `prisma generate` (7.10) writes for a schema without models: the same call with the same configuration, and the same
 * types of the methods that every schema has. Written down, because the generator comes with an engine that it downloads.
 */

/** Of the generated `class.ts`. */
export interface PrismaClient {
  $on(eventType: 'query', callback: () => void): PrismaClient;
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
  $executeRawUnsafe(query: string, ...values: unknown[]): PromiseLike<number>;
  $queryRawUnsafe<Rows = unknown>(query: string, ...values: unknown[]): PromiseLike<Rows>;
  $transaction<Result>(
    run: (prisma: PrismaTransaction) => Promise<Result>,
    options?: { readonly maxWait?: number; readonly timeout?: number; readonly isolationLevel?: string },
  ): Promise<Result>;
}

/** `Prisma.TransactionClient` of the generated code. */
export type PrismaTransaction = Omit<PrismaClient, ITXClientDenyList>;

type PrismaClientConstructor = new (options: {
  readonly adapter: PrismaPg;
  readonly log: readonly { readonly emit: 'event'; readonly level: 'query' }[];
}) => PrismaClient;

const config = {
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: 'd1b3f377ca835d73fd50954a5e22128b9ebdd6b8',
  activeProvider: 'postgresql',
  inlineSchema:
    'datasource db {\n  provider = "postgresql"\n}\n\ngenerator client {\n  provider = "prisma-client"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: () => loadRuntime('mjs'),
    async getQueryCompilerWasmModule() {
      const { wasm } = (await loadRuntime('wasm-base64.mjs')) as { readonly wasm: string };
      const { Module } = Reflect.get(globalThis, 'WebAssembly') as {
        readonly Module: new (bytes: Uint8Array) => object;
      };
      return new Module(Buffer.from(wasm, 'base64'));
    },
    importName: './query_compiler_fast_bg.js',
  },
} as unknown as GetPrismaClientConfig;

/** Modules without types. */
async function loadRuntime(ending: string): Promise<unknown> {
  return (await import(`@prisma/client/runtime/query_compiler_fast_bg.postgresql.${ending}`)) as unknown;
}

/** A client with a pool of its own, which begins at its first statement. */
export function createPrismaClient(url: string, connections: number): PrismaClient {
  const Client = getPrismaClient(config) as unknown as PrismaClientConstructor;
  return new Client({
    adapter: new PrismaPg({ connectionString: url, max: connections }),
    log: [{ emit: 'event', level: 'query' }],
  });
}
