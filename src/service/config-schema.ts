import { z } from 'zod';

import type { LaneOptions, RecordFilter, RecordKey, RecordMap, RecordRoute } from '../delivery/lane-options.ts';
import type { EventKinds } from '../model/event-kinds.ts';
import type { Logger } from '../foundation/logger.ts';
import type { ResolvedConfig } from './config-types.ts';
import { about, identifierSchema, secretSchema } from './schema-parts.ts';
import { sourceSchema } from './source-schema.ts';

const journalSchema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default('.headwater/journal')
    .meta(
      about(
        'Directory of the journal, made with mode 0700.',
        "Beside the application, on the same file system, and ignored by most deployments' clean-up.",
      ),
    ),
  segmentBytes: z
    .int()
    .min(65_536)
    .default(268_435_456)
    .meta(
      about(
        'A new segment begins above this size.',
        "Small enough to free disk in steps, large enough that a segment's index and roll cost nothing.",
      ),
    ),
  minimumAgeMs: z
    .int()
    .min(0)
    .default(604_800_000)
    .meta(
      about(
        'Transactions are kept at least this long after their commit, also when every lane has passed.',
        'A week: a bug that is noticed on Monday can still be replayed from last Monday.',
      ),
    ),
  maxBytes: z
    .int()
    .min(1_048_576)
    .default(53_687_091_200)
    .meta(
      about(
        'The journal grows no larger than this.',
        '50 GiB: no disk is filled unasked; raise it to what the disk holds.',
      ),
    ),
  atLimit: z
    .enum(['stop-capture', 'detach-lane'])
    .default('stop-capture')
    .meta(
      about(
        'At maxBytes: stop capture until a lane passes, or stop the slowest lane with a gap record.',
        'Losing nothing comes before going on: the slot then holds the WAL, and an alert says so.',
      ),
    ),
});

const httpSchema = z.union([
  z.literal(false),
  z.strictObject({
    host: z
      .string()
      .default('127.0.0.1')
      .meta(
        about('Address to listen on. Any other than loopback needs a token.', 'Nobody outside this machine can ask.'),
      ),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(7070)
      .meta(
        about('Port. 0 takes a free one.', 'A fixed port, so that status and health checks need no configuration.'),
      ),
    token: secretSchema.optional().describe('Bearer token that every request must carry, /livez and /readyz excepted.'),
    allowedHosts: z
      .array(z.string())
      .default([])
      .meta(
        about(
          'Names, besides loopback, that a Host header may carry.',
          'A browser page under a foreign name can read nothing.',
        ),
      ),
  }),
]);

function functionSchema<Fn>(): z.ZodType<Fn> {
  return z.custom<Fn>((value) => typeof value === 'function', 'expected a function');
}

const eventsSchema = z.custom<EventKinds>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(
      (kind: unknown) =>
        typeof kind === 'object' && kind !== null && 'schemaVersion' in kind && Number.isInteger(kind.schemaVersion),
    ),
  'expected a catalogue, made by defineEvents()',
);

const laneSchema = z.strictObject({
  sink: z.custom<LaneOptions['sink']>(
    (value) => typeof value === 'object' && value !== null && 'kind' in value && 'open' in value,
    'expected a sink, made by kafkaSink(), postgresSink() or handlerSink()',
  ),
  start: z
    .union([z.literal('beginning'), z.literal('now'), z.literal('snapshot'), z.strictObject({ at: z.date() })])
    .default('beginning')
    .meta(
      about(
        "Where a new lane begins: the journal's oldest transaction, its end, its end and a copy of all rows, or a time.",
        'Nothing that the journal holds is left out silently.',
      ),
    ),
  filter: functionSchema<RecordFilter>()
    .optional()
    .describe('Which records the lane takes. Left-out records are counted.'),
  route: functionSchema<RecordRoute>()
    .optional()
    .describe('Topic of a record, for Kafka. Default: what the sink says.'),
  map: functionSchema<RecordMap>()
    .optional()
    .describe('What Kafka gets for a record, and a handler as `context.value`. Default: the form of the sink.'),
  key: functionSchema<RecordKey>()
    .optional()
    .describe('The key whose order must hold. Default: the event key, or table and primary key.'),
  events: eventsSchema
    .optional()
    .describe(
      'The kinds of events that the receivers of this lane know; others are refused. Default: `events` of the configuration.',
    ),
  revision: z
    .int()
    .min(1)
    .default(1)
    .meta(about('Raise it when filter, route, map or key change their meaning.', 'A first version.')),
  replaces: z
    .string()
    .optional()
    .describe(
      'The recorded lane whose place this one takes: its checkpoint is given up, and this lane begins at `start`.',
    ),
  renamedFrom: z
    .string()
    .optional()
    .describe('The name that this lane was recorded under: it goes on at the old checkpoint, with what is parked.'),
  continuesRevision: z
    .int()
    .min(1)
    .optional()
    .describe(
      'The recorded revision that this one goes on from: what was delivered stays, the new functions apply from the checkpoint on.',
    ),
  onChangedFunctions: z
    .enum(['refuse', 'go-on'])
    .default('refuse')
    .meta(
      about(
        'What to do when filter, route, map or key read otherwise than was recorded with the same revision.',
        'A changed function makes what was delivered differ from what comes; `go-on`, with a warning, is for code that a build rewrites.',
      ),
    ),
  batch: z
    .strictObject({
      recordCountMax: z
        .int()
        .min(1)
        .default(1000)
        .meta(
          about('Most records of a batch.', 'Large enough to pay for a round trip, small enough to retry cheaply.'),
        ),
      byteCountMax: z
        .int()
        .min(1024)
        .default(1_048_576)
        .meta(
          about('Most journal bytes of a batch.', '1 MiB fits the limits of common brokers and keeps memory flat.'),
        ),
      waitMs: z
        .int()
        .min(0)
        .max(60_000)
        .default(0)
        .meta(
          about(
            'How long a batch that is not full waits for more.',
            'No added latency: a batch fills while the one before it is written.',
          ),
        ),
    })
    .prefault({}),
  concurrencyMax: z
    .int()
    .min(1)
    .max(1024)
    .default(8)
    .meta(
      about(
        'Keys in flight at once, for sinks that take single records.',
        'Hides the latency of a handler without flooding what it calls.',
      ),
    ),
  retry: z
    .strictObject({
      initialDelayMs: z
        .int()
        .min(1)
        .default(100)
        .meta(about('Ceiling of the first delay; full jitter below it.', 'A short break mends most faults.')),
      maxDelayMs: z
        .int()
        .min(1)
        .default(30_000)
        .meta(about('No ceiling grows above this.', 'A store that is back is noticed within half a minute.')),
      maxAttempts: z
        .number()
        .min(1)
        .default(Number.POSITIVE_INFINITY)
        .meta(
          about(
            'Attempts without progress before the lane stops.',
            'Waiting loses nothing: the journal holds what the sink has not taken.',
          ),
        ),
    })
    .prefault({}),
  onPoisoned: z
    .enum(['park', 'stop'])
    .optional()
    .describe(
      'What becomes of a record that is refused for good: `park` sets it aside with its key, and later records of that key wait behind it; `stop` stops the lane in front of it. Default: park; stop where the sink applies whole transactions, which cannot park.',
    ),
  parked: z
    .strictObject({
      keyCountMax: z
        .int()
        .min(1)
        .max(10_000)
        .default(100)
        .meta(
          about(
            'Failed records, each with its key, before the lane stops.',
            'More is no single record any more, but a bug.',
          ),
        ),
      recordCountMax: z
        .int()
        .min(1)
        .max(100_000)
        .default(10_000)
        .meta(
          about(
            'These and the records that wait behind them, before the lane stops.',
            'A list that somebody can still work off, in a few megabytes.',
          ),
        ),
    })
    .prefault({}),
  paused: z
    .boolean()
    .default(false)
    .meta(about('A paused lane keeps its checkpoint and holds the journal.', 'A configured lane runs.')),
});

/** The lane that cleans adopted outbox tables. No configured lane can have its name. */
export const cleanUpLaneName = 'outbox_clean_up';

const laneNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'expected a name of lower-case letters, digits, - and _')
  .refine((name) => name !== cleanUpLaneName, 'this name is taken by the clean-up of adopted outbox tables');

/** Functions that a kind of sink never calls: whoever sets one would believe that it takes effect. */
const unusedByKind: Readonly<Record<string, readonly ('route' | 'map')[]>> = {
  postgres: ['route', 'map'],
  handler: ['route'],
  webhook: ['route'],
};

const usefulLaneSchema = laneSchema.superRefine((lane, context) => {
  for (const name of unusedByKind[lane.sink.kind] ?? []) {
    if (lane[name] === undefined) continue;
    context.addIssue({ code: 'custom', path: [name], message: `a ${lane.sink.kind} sink has no use for it` });
  }
  if (lane.sink.unit === 'transaction' && lane.onPoisoned === 'park') {
    const message = `a ${lane.sink.kind} sink applies whole transactions: without the parked record one would show in part`;
    context.addIssue({ code: 'custom', path: ['onPoisoned'], message });
  }
  if (lane.replaces !== undefined && lane.renamedFrom !== undefined) {
    const message = 'a lane either goes on where the former one stood, or replaces it and begins anew';
    context.addIssue({ code: 'custom', path: ['renamedFrom'], message });
  }
});

/** The one schema of the configuration: checks, defaults and the reference page come from it, and it must fit the types. */
export const configSchema: z.ZodType<ResolvedConfig> = z
  .strictObject({
    installation: identifierSchema
      .max(40)
      .default('main')
      .meta(
        about(
          'Name of this installation. Part of every slot, checkpoint and table row, so that two can share one database.',
          'One installation needs no name.',
        ),
      ),
    source: sourceSchema,
    journal: journalSchema.prefault({}),
    lanes: z
      .record(laneNameSchema, usefulLaneSchema)
      .default({})
      .meta(about('One lane for each sink, by name.', 'Capture alone is useful too: the journal fills.')),
    events: eventsSchema
      .optional()
      .describe(
        'The catalogue of events, made by `defineEvents`. An event of another kind, or of a later version, is refused and not delivered. `headwater events` checks it against what was released.',
      ),
    http: httpSchema
      .prefault({})
      .meta(about('Status and metrics over HTTP. false: none.', 'Health and metrics are there from the first start.')),
    stopTimeoutMs: z
      .int()
      .min(100)
      .default(10_000)
      .meta(
        about(
          'How long a stop waits for what is under way.',
          'Shorter than the 30 s that most supervisors wait before they kill.',
        ),
      ),
    logger: z
      .custom<Logger>((value) => typeof value === 'object' && value !== null && 'info' in value, 'expected a logger')
      .optional()
      .describe(
        'Any logger with debug, info, warn and error. Default: the command logs to stderr, the library nothing.',
      ),
  })
  .superRefine(({ lanes }, context) => {
    const claimed = new Set<string>();
    for (const [name, { renamedFrom }] of Object.entries(lanes)) {
      if (renamedFrom === undefined) continue;
      const message = `another lane goes on for "${renamedFrom}" already`;
      if (claimed.has(renamedFrom)) context.addIssue({ code: 'custom', path: ['lanes', name, 'renamedFrom'], message });
      claimed.add(renamedFrom);
    }
  })
  .superRefine(({ lanes, source }, context) => {
    if (source.snapshot) return;
    for (const [name, { start }] of Object.entries(lanes)) {
      if (start !== 'snapshot') continue;
      const message = 'a lane begins with a copy only where source.snapshot is true';
      context.addIssue({ code: 'custom', path: ['lanes', name, 'start'], message });
    }
  });
