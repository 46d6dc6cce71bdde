import { z } from 'zod';

import type { ResolvedConfig } from './config-types.ts';
import { about, identifierSchema, qualifiedTableSchema, secretSchema } from './schema-parts.ts';

const adoptedOutboxSchema = z.strictObject({
  table: qualifiedTableSchema.describe(
    'The outbox table of the form (id, event_type, payload, created_at, published).',
  ),
  cleanUp: z
    .enum(['none', 'mark', 'delete'])
    .describe(
      'What happens to rows whose events are in the journal: nothing, published = true, or deletion in batches.',
    ),
});

/** The options of `source`. */
export const sourceSchema: z.ZodType<ResolvedConfig['source']> = z.strictObject({
  url: secretSchema.describe(
    'Direct address of the PostgreSQL primary, postgres://user:password@host:5432/database. Not a pooler.',
  ),
  slot: identifierSchema.optional().describe('Replication slot. Default: headwater_<installation>.'),
  publication: z
    .string()
    .min(1)
    .max(63)
    .default('headwater')
    .meta(
      about(
        'Publication that lists the captured tables.',
        'One name for all installations of a database; tables are added to it on purpose.',
      ),
    ),
  tables: z
    .array(qualifiedTableSchema)
    .default([])
    .meta(
      about(
        'Tables that the publication gets when Headwater creates it. Empty: events only.',
        'Nothing is published that was not asked for.',
      ),
    ),
  create: z
    .enum(['if-missing', 'never'])
    .default('if-missing')
    .meta(
      about(
        'Whether a missing publication and slot are created. "never" prints the SQL and stops.',
        'The first start needs no manual SQL; a role without the right gets the SQL printed.',
      ),
    ),
  outboxSchema: identifierSchema
    .default('headwater')
    .meta(about("Schema of Headwater's own tables.", "Our own tables stay apart from the application's.")),
  adoptedOutboxes: z
    .array(adoptedOutboxSchema)
    .default([])
    .meta(about("The application's present outbox tables.", 'A present outbox table is read only when it is named.')),
  canaryIntervalMs: z
    .union([z.int().min(1000), z.literal(false)])
    .default(10_000)
    .meta(
      about(
        'Milliseconds between canary messages, which prove the whole way while nobody writes. false: none.',
        'Often enough that lag and liveness are true within seconds, rare enough to cost the primary nothing.',
      ),
    ),
  flushIntervalMs: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .meta(
      about(
        'How long appended transactions may wait for a common flush. 0: as long as the flush before takes.',
        'Lowest latency; under load commits gather behind the flush that is under way anyway.',
      ),
    ),
  snapshot: z
    .boolean()
    .default(true)
    .meta(
      about(
        'Whether rows that published tables held before the journal began are copied, into every lane. Needs SELECT on them.',
        'A store that lacks the older rows is no copy.',
      ),
    ),
});
