import { z } from 'zod';

import { toLsn } from '../../model/lsn.ts';
import { toSequence } from '../../model/position.ts';
import type { CopyProgress, SourceIdentity } from '../../model/source-identity.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { SourceRecordReason } from '../../capture/change-recorder.ts';
import type { Carry } from './journal-head.ts';
import { decodeSpoolReference, encodeSpoolReference } from './spool-reference.ts';

const lsnSchema = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform((text) => toLsn(BigInt(text)));

const sourceSchema = z.strictObject({
  systemId: z.string(),
  timeline: z.int(),
  databaseName: z.string(),
  databaseOid: z.int(),
  slotName: z.string(),
  publicationNames: z.array(z.string()),
  publicationOids: z.array(z.int()),
  sessionSettings: z.record(z.string(), z.string()),
  tables: z.array(z.string()),
  publishedAs: z.record(z.string(), z.string()).optional(),
  uncopiedTables: z.array(
    z.strictObject({
      schemaName: z.string(),
      tableName: z.string(),
      rowEstimate: z.number(),
      reason: z.enum([
        'held-rows-at-start',
        'journal-begins-later',
        'published-later',
        'publication-altered',
        'lane-added',
      ]),
      lanes: z.array(z.string()).optional(),
    }),
  ),
  copiedLanes: z.array(z.string()).optional(),
  copiedThrough: z
    .string()
    .regex(/^\d{1,20}$/)
    .optional(),
}) satisfies z.ZodType<SourceIdentity>;

const copyProgressSchema = z.strictObject({
  schemaName: z.string(),
  tableName: z.string(),
  lanes: z.array(z.string()).optional(),
  lastKey: z.array(z.string()),
  endKey: z.array(z.string()).optional(),
  rowCount: z.int(),
  movedKeys: z.array(z.array(z.string())).optional(),
}) satisfies z.ZodType<CopyProgress>;

const spoolSchema = z.base64().transform((text, context) => {
  const reference = decodeSpoolReference(Buffer.from(text, 'base64'), 0);
  if (reference !== undefined) return reference;
  context.addIssue('not a spool reference');
  return z.NEVER;
});

const carrySchema = z.strictObject({
  source: z.union([sourceSchema, z.null().transform(() => undefined)]),
  sourceStartLsn: lsnSchema,
  lastCommitEndLsn: lsnSchema,
  recordedLsn: lsnSchema,
  lastSequence: z
    .string()
    .regex(/^\d{1,20}$/)
    .transform((text) => toSequence(BigInt(text))),
  prepared: z.array(z.strictObject({ gid: z.string(), xid: z.int(), spool: spoolSchema })),
  /** Absent when there is none. */
  copies: z.array(copyProgressSchema).default([]),
});

const sourceRecordSchema = z.strictObject({
  source: sourceSchema,
  startLsn: lsnSchema,
  reason: z.enum(['initial', 'hand-over', 'tables-changed']),
});

/** What a source frame says. */
export interface SourceRecord {
  readonly source: SourceIdentity;
  readonly startLsn: Lsn;
  readonly reason: SourceRecordReason;
}

/** The body of a carry frame. */
export function encodeCarry(carry: Carry): Buffer {
  const json = {
    source: carry.source ?? null,
    sourceStartLsn: String(carry.sourceStartLsn),
    lastCommitEndLsn: String(carry.lastCommitEndLsn),
    recordedLsn: String(carry.recordedLsn),
    lastSequence: String(carry.lastSequence),
    prepared: carry.prepared.map(({ gid, xid, spool }) => ({
      gid,
      xid,
      spool: encodeSpoolReference(spool).toString('base64'),
    })),
    ...(carry.copies.length === 0 ? {} : { copies: carry.copies }),
  };
  return Buffer.from(JSON.stringify(json));
}

/** Undefined for a body that is no carry. */
export function decodeCarry(body: Uint8Array): Carry | undefined {
  return carrySchema.safeParse(parseJson(body)).data;
}

/** The body of a source frame. */
export function encodeSourceRecord(record: SourceRecord): Buffer {
  return Buffer.from(JSON.stringify({ ...record, startLsn: String(record.startLsn) }));
}

/** The body of a copy progress frame. */
export function encodeCopyProgress(progress: CopyProgress): Buffer {
  return Buffer.from(JSON.stringify(progress));
}

/** Undefined for a body that is none. */
export function decodeCopyProgress(body: Uint8Array): CopyProgress | undefined {
  return copyProgressSchema.safeParse(parseJson(body)).data;
}

/** Undefined for a body that is no source record. */
export function decodeSourceRecord(body: Uint8Array): SourceRecord | undefined {
  return sourceRecordSchema.safeParse(parseJson(body)).data;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch {
    return undefined;
  }
}
