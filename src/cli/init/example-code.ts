import type { OrmName, ProjectFacts } from './detect-project.ts';

/*
 * The example that `headwater init` writes: a row and the event that tells of it, in one transaction of the client that the
 * project has, by `emit`.
 */

/** The parts of an example that differ by client. */
interface ExampleParts {
  readonly imports: string;
  /** `placeOrder`. */
  readonly placeOrder: string;
  /** What runs it when the file is started itself; `HANDLE` is made and closed here. Undefined: only the project can. */
  readonly start: string | undefined;
}

/** The text of the example. `fileName` is what it is started by. */
export function exampleCode(
  orm: OrmName,
  project: Pick<ProjectFacts, 'drizzleDriver' | 'hasZod'>,
  fileName: string,
): string {
  const { imports, placeOrder, start } = partsOf(orm, project);
  const run =
    start === undefined ? 'Call placeOrder with your own client.' : `Run: node --env-file-if-exists=.env ${fileName}`;
  return [
    `/*\n * An example by \`headwater init\`, yours to change or delete: a row and the event that tells of it, in one transaction.\n * Both commit or neither; nothing is sent from here. ${run}\n */`,
    `${start === undefined ? '' : `import { fileURLToPath } from 'node:url';\n`}${imports}${emitImports(project.hasZod)}`,
    `export interface Order {\n  readonly id: string;\n  readonly total: string;\n}`,
    eventsCode(project.hasZod),
    placeOrder,
    ...(start === undefined ? [] : [startCode(start)]),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function emitImports(hasZod: boolean): string {
  return hasZod
    ? `import { defineEvents, emit } from 'headwater/emit';\nimport { z } from 'zod';`
    : `import { defineEvents, emit, type EventSchema } from 'headwater/emit';`;
}

function eventsCode(hasZod: boolean): string {
  if (hasZod) {
    return `export const events = defineEvents({\n  'order.placed': z.object({ orderId: z.string(), total: z.string() }),\n});`;
  }
  return `interface OrderPlaced {
  readonly orderId: string;
  readonly total: string;
}

/** Any schema of Standard Schema does (zod, valibot, arktype); this one is written by hand. */
const orderPlaced: EventSchema<OrderPlaced> = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate: (value) => (isOrderPlaced(value) ? { value } : { issues: [{ message: 'orderId and total must be texts' }] }),
  },
};

function isOrderPlaced(value: unknown): value is OrderPlaced {
  if (typeof value !== 'object' || value === null) return false;
  return 'orderId' in value && typeof value.orderId === 'string' && 'total' in value && typeof value.total === 'string';
}

export const events = defineEvents({ 'order.placed': orderPlaced });`;
}

function startCode(start: string): string {
  return `// Started by itself, it places one order in a table of its own.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const order = { id: \`order-\${Date.now()}\`, total: '12.50' };
${indent(start)}
  console.log(\`placed \${order.id}\`);
}`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

const emitCall = `emit(TX, events['order.placed'], { orderId: order.id, total: order.total }, { key: order.id })`;
const createTable = 'create table if not exists headwater_example (id text primary key, total text not null)';
const insertRow = 'insert into headwater_example (id, total) values';
const databaseUrl = `process.env['DATABASE_URL']`;

function partsOf(orm: OrmName, project: Pick<ProjectFacts, 'drizzleDriver'>): ExampleParts {
  if (orm === 'drizzle' && project.drizzleDriver === 'postgres-js') return drizzleOnPostgresJs;
  return parts[orm];
}

const parts: Readonly<Record<OrmName, ExampleParts>> = {
  pg: {
    imports: `import pg from 'pg';\n`,
    placeOrder: `export async function placeOrder(pool: pg.Pool, order: Order): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('${insertRow} ($1, $2)', [order.id, order.total]);
    await ${emitCall.replace('TX', 'client')};
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}`,
    start: `const pool = new pg.Pool({ connectionString: ${databaseUrl} });
await pool.query('${createTable}');
await placeOrder(pool, order);
await pool.end();`,
  },
  drizzle: {
    imports: `import { sql } from 'drizzle-orm';\nimport { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';\nimport pg from 'pg';\n`,
    placeOrder: `export async function placeOrder(db: NodePgDatabase, order: Order): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql\`${insertRow} (\${order.id}, \${order.total})\`);
    await ${emitCall.replace('TX', 'tx')};
  });
}`,
    start: `const pool = new pg.Pool({ connectionString: ${databaseUrl} });
await pool.query('${createTable}');
await placeOrder(drizzle({ client: pool }), order);
await pool.end();`,
  },
  kysely: {
    imports: `import { Kysely, PostgresDialect, sql } from 'kysely';\nimport pg from 'pg';\n`,
    placeOrder: `export async function placeOrder<Database>(db: Kysely<Database>, order: Order): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql\`${insertRow} (\${order.id}, \${order.total})\`.execute(tx);
    await ${emitCall.replace('TX', 'tx')};
  });
}`,
    start: `const pool = new pg.Pool({ connectionString: ${databaseUrl} });
const db = new Kysely<Record<never, never>>({ dialect: new PostgresDialect({ pool }) });
await pool.query('${createTable}');
await placeOrder(db, order);
await db.destroy();`,
  },
  prisma: {
    imports: '',
    placeOrder: `/** What the example needs of a PrismaClient. */
interface OrderClient {
  $executeRawUnsafe(query: string, ...values: unknown[]): Promise<number>;
  $queryRawUnsafe(query: string, ...values: unknown[]): Promise<unknown>;
}

export async function placeOrder(
  prisma: { $transaction(run: (tx: OrderClient) => Promise<void>): Promise<void> },
  order: Order,
): Promise<void> {
  await prisma.$transaction(async (tx) => {
    // … your own writes through tx, and the event beside them:
    await ${emitCall.replace('TX', 'tx')};
  });
}`,
    start: undefined,
  },
  knex: {
    imports: `import knex, { type Knex } from 'knex';\n`,
    placeOrder: `export async function placeOrder(db: Knex, order: Order): Promise<void> {
  await db.transaction(async (tx) => {
    await tx('headwater_example').insert({ id: order.id, total: order.total });
    await ${emitCall.replace('TX', 'tx')};
  });
}`,
    start: `const db = knex({ client: 'pg', connection: ${databaseUrl} ?? '' });
await db.raw('${createTable}');
await placeOrder(db, order);
await db.destroy();`,
  },
  typeorm: {
    imports: `import { DataSource } from 'typeorm';\n`,
    placeOrder: `export async function placeOrder(dataSource: DataSource, order: Order): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await manager.query('${insertRow} ($1, $2)', [order.id, order.total]);
    await ${emitCall.replace('TX', 'manager')};
  });
}`,
    start: `const dataSource = new DataSource({ type: 'postgres', url: ${databaseUrl} ?? '' });
await dataSource.initialize();
await dataSource.query('${createTable}');
await placeOrder(dataSource, order);
await dataSource.destroy();`,
  },
  sequelize: {
    imports: `import { Sequelize } from 'sequelize';\n`,
    placeOrder: `export async function placeOrder(sequelize: Sequelize, order: Order): Promise<void> {
  await sequelize.transaction(async (transaction) => {
    const row = [order.id, order.total];
    await sequelize.query('${insertRow} ($1, $2)', { bind: row, transaction });
    await ${emitCall.replace('TX', 'transaction')};
  });
}`,
    start: `const sequelize = new Sequelize(${databaseUrl} ?? '', { dialect: 'postgres', logging: false });
await sequelize.query('${createTable}');
await placeOrder(sequelize, order);
await sequelize.close();`,
  },
  'mikro-orm': {
    imports: `import { MikroORM, type SqlEntityManager } from '@mikro-orm/postgresql';\n`,
    placeOrder: `export async function placeOrder(em: SqlEntityManager, order: Order): Promise<void> {
  await em.transactional(async (tx) => {
    await tx.execute('${insertRow} (?, ?)', [order.id, order.total]);
    await ${emitCall.replace('TX', 'tx')};
  });
}`,
    start: `const orm = await MikroORM.init({
  clientUrl: ${databaseUrl} ?? '',
  entities: [],
  discovery: { warnWhenNoEntities: false },
});
await orm.em.execute('${createTable}');
await placeOrder(orm.em.fork(), order);
await orm.close();`,
  },
};

const drizzleOnPostgresJs: ExampleParts = {
  imports: `import { sql } from 'drizzle-orm';\nimport { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';\nimport postgres from 'postgres';\n`,
  placeOrder: `export async function placeOrder(db: PostgresJsDatabase, order: Order): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql\`${insertRow} (\${order.id}, \${order.total})\`);
    await ${emitCall.replace('TX', 'tx')};
  });
}`,
  start: `const client = postgres(${databaseUrl} ?? '');
await client.unsafe('${createTable}');
await placeOrder(drizzle({ client }), order);
await client.end();`,
};
