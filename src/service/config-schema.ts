import { z } from 'zod';

import type { LaneOptions, RecordFilter, RecordKey, RecordMap, RecordRoute } from '../delivery/lane-options.ts';
import type { Logger } from '../foundation/logger.ts';
import type { ResolvedConfig, SecretSource } from './config.ts';

const secretSchema = z.custom<SecretSource>(
  (value) =>
    (typeof value === 'string' && value.length > 0) ||
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string'),
  'expected a non-empty text, { file: "path" } or a function that returns the secret',
);

const identifierSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z_][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores, as PostgreSQL wants slot names');

const qualifiedTableSchema = z.string().regex(/^[^.]+(\.[^.]+)?$/, 'expected "table" or "schema.table"');

const adoptedOutboxSchema = z.strictObject({
  table: qualifiedTableSchema.describe('The outbox table of the form (id, event_type, payload, created_at, published).'),
  cleanUp: z
    .enum(['none', 'mark', 'delete'])
    .describe('What happens to rows whose events are in the journal: nothing, published = true, or deletion in batches.'),
});

const sourceSchema = z.strictObject({
  url: secretSchema.describe(
    'Direct address of the PostgreSQL primary, postgres://user:password@host:5432/database. Not a pooler.',
  ),
  slot: identifierSchema.optional().describe('Replication slot. Default: headwater_<installation>.'),
  publication: z.string().min(1).max(63).default('headwater').describe('Publication that lists the captured tables.'),
  tables: z
    .array(qualifiedTableSchema)
    .default([])
    .describe('Tables that the publication gets when Headwater creates it. Empty: events only.'),
  create: z
    .enum(['if-missing', 'never'])
    .default('if-missing')
    .describe('Whether a missing publication and slot are created. "never" prints the SQL and stops.'),
  outboxSchema: identifierSchema.default('headwater').describe("Schema of Headwater's own tables."),
  adoptedOutboxes: z.array(adoptedOutboxSchema).default([]).describe("The application's present outbox tables."),
  canaryIntervalMs: z
    .union([z.int().min(1000), z.literal(false)])
    .default(10_000)
    .describe('Milliseconds between canary messages, which prove the whole way while nobody writes. false: none.'),
  flushIntervalMs: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe('How long appended transactions may wait for a common flush. 0: as long as the flush before takes.'),
});

const journalSchema = z.strictObject({
  directory: z.string().min(1).default('.headwater/journal').describe('Directory of the journal, made with mode 0700.'),
  segmentBytes: z.int().min(65_536).default(268_435_456).describe('A new segment begins above this size.'),
  minimumAgeMs: z
    .int()
    .min(0)
    .default(604_800_000)
    .describe('Transactions are kept at least this long after their commit, also when every lane has passed.'),
  maxBytes: z.int().min(1_048_576).default(53_687_091_200).describe('The journal grows no larger than this.'),
  atLimit: z
    .enum(['stop-capture', 'detach-lane'])
    .default('stop-capture')
    .describe('At maxBytes: stop capture until a lane passes, or stop the slowest lane with a gap record.'),
});

const httpSchema = z.union([
  z.literal(false),
  z.strictObject({
    host: z.string().default('127.0.0.1').describe('Address to listen on. Any other than loopback needs a token.'),
    port: z.int().min(0).max(65_535).default(7070).describe('Port. 0 takes a free one.'),
    token: secretSchema.optional().describe('Bearer token that every request must carry, /livez and /readyz excepted.'),
    allowedHosts: z.array(z.string()).default([]).describe('Names, besides loopback, that a Host header may carry.'),
  }),
]);

function functionSchema<Fn>(): z.ZodType<Fn> {
  return z.custom<Fn>((value) => typeof value === 'function', 'expected a function');
}

const laneSchema = z.strictObject({
  sink: z.custom<LaneOptions['sink']>(
    (value) => typeof value === 'object' && value !== null && 'kind' in value && 'open' in value,
    'expected a sink, made by kafkaSink(), postgresSink() or handlerSink()',
  ),
  start: z
    .union([z.literal('beginning'), z.literal('now'), z.strictObject({ at: z.date() })])
    .default('beginning')
    .describe("Where a new lane begins: the journal's oldest transaction, its end, or a time."),
  filter: functionSchema<RecordFilter>().optional().describe('Which records the lane takes. Left-out records are counted.'),
  route: functionSchema<RecordRoute>().optional().describe('Topic or table of a record. Default: what the sink says.'),
  map: functionSchema<RecordMap>().optional().describe('What the sink writes for a record. Default: its own form.'),
  key: functionSchema<RecordKey>().optional().describe('The key whose order must hold. Default: the event key, or table and primary key.'),
  revision: z.int().min(1).default(1).describe('Raise it when filter, route, map or key change their meaning.'),
  batch: z
    .strictObject({
      recordCountMax: z.int().min(1).default(1000).describe('Most records of a batch.'),
      byteCountMax: z.int().min(1024).default(1_048_576).describe('Most journal bytes of a batch.'),
      waitMs: z.int().min(0).max(60_000).default(0).describe('How long a batch that is not full waits for more.'),
    })
    .prefault({}),
  concurrencyMax: z.int().min(1).max(1024).default(8).describe('Keys in flight at once, for sinks that take single records.'),
  retry: z
    .strictObject({
      initialDelayMs: z.int().min(1).default(100).describe('Ceiling of the first delay; full jitter below it.'),
      maxDelayMs: z.int().min(1).default(30_000).describe('No ceiling grows above this.'),
      maxAttempts: z.number().min(1).default(Number.POSITIVE_INFINITY).describe('Attempts without progress before the lane stops.'),
    })
    .prefault({}),
  paused: z.boolean().default(false).describe('A paused lane keeps its checkpoint and holds the journal.'),
});

const laneNameSchema = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, 'expected a name of lower-case letters, digits, - and _');

/** The one schema of the configuration: checks, defaults and the reference page come from it, and it must fit the types. */
export const configSchema: z.ZodType<ResolvedConfig> = z.strictObject({
  installation: identifierSchema
    .max(40)
    .default('main')
    .describe('Name of this installation. Part of every slot, checkpoint and table row, so that two can share one database.'),
  source: sourceSchema,
  journal: journalSchema.prefault({}),
  lanes: z.record(laneNameSchema, laneSchema).default({}).describe('One lane for each sink, by name.'),
  http: httpSchema.prefault({}).describe('Status and metrics over HTTP. false: none.'),
  stopTimeoutMs: z.int().min(100).default(10_000).describe('How long a stop waits for what is under way.'),
  logger: z
    .custom<Logger>((value) => typeof value === 'object' && value !== null && 'info' in value, 'expected a logger')
    .optional()
    .describe('Any logger with debug, info, warn and error. Default: the command logs to stderr, the library nothing.'),
});
