/** The client libraries of the benchmark of emit, by the names that its programs are given. */
export const emitKinds = [
  'pg',
  'postgres.js',
  'drizzle',
  'drizzle-postgres-js',
  'kysely',
  'knex',
  'prisma',
  'typeorm',
  'sequelize',
  'mikro-orm',
] as const;

export type EmitKind = (typeof emitKinds)[number];

/** Who writes the event: `emit` in one of its modes, or an INSERT by hand. */
export const emitSides = ['outbox', 'message', 'hand'] as const;

export type EmitSide = (typeof emitSides)[number];
