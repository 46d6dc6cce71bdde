import type { SQL } from 'drizzle-orm';

import type { TransactionLike } from '../../src/postgres/transaction-handle.ts';
import type { EmitKind } from './emit-kinds.ts';

/** Runs a statement of the application by the library's own means; `$1`-style parameters in the order of their numbers. */
export type Execute = (text: string, parameters: readonly string[]) => PromiseLike<unknown>;

/** One client library with a pool of its own. */
export interface EmitLibrary {
  /** One transaction. */
  run(work: (tx: TransactionLike, execute: Execute) => Promise<void>): Promise<unknown>;
  close(): Promise<unknown>;
}

/** Opens each with as many connections as there are writers. No process loads more than the one that it measures. */
export const emitLibraries: Readonly<Record<EmitKind, (url: string, connections: number) => Promise<EmitLibrary>>> = {
  pg: async (connectionString, max) => {
    const { Pool } = await import('pg');
    const pool = new Pool({ connectionString, max });
    return {
      async run(work) {
        const client = await pool.connect();
        try {
          await client.query('begin');
          await work(client, (text, parameters) => client.query(text, [...parameters]));
          await client.query('commit');
        } finally {
          client.release();
        }
      },
      close: () => pool.end(),
    };
  },
  'postgres.js': async (url, max) => {
    const { default: postgres } = await import('postgres');
    const sql = postgres(url, { max });
    return {
      run: (work) =>
        sql.begin((tx) => work(tx, (text, parameters) => tx.unsafe(text, [...parameters], { prepare: true }))),
      close: () => sql.end(),
    };
  },
  drizzle: async (connectionString, max) => {
    const { Pool } = await import('pg');
    const { drizzle } = await import('drizzle-orm/node-postgres');
    const toDrizzle = await loadDrizzleText();
    const pool = new Pool({ connectionString, max });
    const db = drizzle(pool);
    return {
      run: (work) => db.transaction((tx) => work(tx, (text, parameters) => tx.execute(toDrizzle(text, parameters)))),
      close: () => pool.end(),
    };
  },
  'drizzle-postgres-js': async (url, max) => {
    const { default: postgres } = await import('postgres');
    const { drizzle } = await import('drizzle-orm/postgres-js');
    const toDrizzle = await loadDrizzleText();
    const client = postgres(url, { max });
    const db = drizzle(client);
    return {
      run: (work) => db.transaction((tx) => work(tx, (text, parameters) => tx.execute(toDrizzle(text, parameters)))),
      close: () => client.end(),
    };
  },
  kysely: async (connectionString, max) => {
    const { Pool } = await import('pg');
    const { CompiledQuery, Kysely, PostgresDialect } = await import('kysely');
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString, max }) }) });
    return {
      run: (work) =>
        db
          .transaction()
          .execute((tx) => work(tx, (text, parameters) => tx.executeQuery(CompiledQuery.raw(text, [...parameters])))),
      close: () => db.destroy(),
    };
  },
  knex: async (connection, max) => {
    const { default: knex } = await import('knex');
    const db = knex({ client: 'pg', connection, pool: { min: 0, max } });
    return {
      run: (work) =>
        db.transaction((tx) => work(tx, (text, parameters) => tx.raw(toQuestionMarks(text), [...parameters]))),
      close: () => db.destroy(),
    };
  },
  prisma: async (url, connections) => {
    const { createPrismaClient } = await import('../../src/application/testing/drivers/prisma-client.ts');
    const prisma = createPrismaClient(url, connections);
    return {
      run: (work) =>
        prisma.$transaction((tx) => work(tx, (text, parameters) => tx.$executeRawUnsafe(text, ...parameters))),
      close: () => prisma.$disconnect(),
    };
  },
  typeorm: async (url, poolSize) => {
    const { DataSource } = await import('typeorm');
    const dataSource = await new DataSource({ type: 'postgres', url, poolSize }).initialize();
    return {
      run: (work) =>
        dataSource.transaction((manager) => work(manager, (text, parameters) => manager.query(text, [...parameters]))),
      close: () => dataSource.destroy(),
    };
  },
  sequelize: async (url, max) => {
    const { Sequelize } = await import('sequelize');
    const sequelize = new Sequelize(url, { dialect: 'postgres', logging: false, pool: { max } });
    return {
      run: (work) =>
        sequelize.transaction((transaction) =>
          work(transaction, (text, bind) => sequelize.query(text, { bind: [...bind], transaction })),
        ),
      close: () => sequelize.close(),
    };
  },
  'mikro-orm': async (clientUrl, max) => {
    const { MikroORM } = await import('@mikro-orm/postgresql');
    const orm = await MikroORM.init({
      clientUrl,
      entities: [],
      discovery: { warnWhenNoEntities: false },
      pool: { max },
    });
    return {
      run: (work) =>
        orm.em
          .fork()
          .transactional((em) =>
            work(em, (text, parameters) => em.execute(toQuestionMarks(text), [...parameters], 'run')),
          ),
      close: () => orm.close(),
    };
  },
};

function toQuestionMarks(text: string): string {
  return text.replaceAll(/\$\d+/g, '?');
}

async function loadDrizzleText(): Promise<(text: string, parameters: readonly string[]) => SQL> {
  const { sql } = await import('drizzle-orm');
  return (text, parameters) => {
    const pieces = text.split(/\$\d+/).map((piece) => sql.raw(piece));
    const chunks = pieces.flatMap((piece, index) => (index === 0 ? [piece] : [sql`${parameters[index - 1]}`, piece]));
    return sql.join(chunks);
  };
}
