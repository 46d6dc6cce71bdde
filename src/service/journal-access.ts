import { createPgoutputDecoder } from '../capture/postgres/pgoutput/pgoutput-decoder.ts';
import type { TransactionDecoder } from '../capture/transaction-decoder.ts';
import { toOutboundRecord } from '../delivery/outbound-record.ts';
import type { OutboundRecord } from '../delivery/sink.ts';
import { unreachable } from '../foundation/assert.ts';
import { type Instant, systemClock } from '../foundation/clock.ts';
import { nodeDisk } from '../foundation/node-disk.ts';
import { openJournalReader } from '../journal/embedded/open-journal-reader.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import type { EventTerm, JournalNarrowing, SequenceRange } from '../journal/journal-search.ts';
import { type Sequence, sequenceZero, toSequence } from '../model/position.ts';
import { parseQualifiedName } from '../postgres/quote.ts';
import type { ResolvedConfig } from './config-types.ts';

/** The decoder of one reader, with the tables that the configuration gives a meaning. */
export function createConfiguredDecoder({ installation, source }: ResolvedConfig): TransactionDecoder {
  return createPgoutputDecoder({
    installation,
    outboxSchema: source.outboxSchema,
    adoptedOutboxes: source.adoptedOutboxes.map(({ table }) => {
      const { schemaName, objectName } = parseQualifiedName(table);
      return { schemaName, tableName: objectName };
    }),
  });
}

/** Opens the configured journal for reading, beside its owner or without one. @throws HW-JOURNAL codes */
export function openConfiguredReader(config: ResolvedConfig): Promise<JournalReader & JournalNarrowing> {
  return openJournalReader({ directory: config.journal.directory, disk: nodeDisk, clock: systemClock });
}

/** Where a look at the journal begins: its oldest transaction, its end, a time, or behind a transaction. */
export type JournalStart = 'beginning' | 'now' | Instant | { readonly after: Sequence };

/** How far a look at the journal goes. */
export interface RecordsOptions {
  readonly start: JournalStart;
  /** True: wait for more at the end. */
  readonly follow: boolean;
  /** Whatever is certain to hold no such event may be left out. */
  readonly term?: EventTerm | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The records of a journal with their ids and default keys, in commit order. Bounded memory: one read at a time.
 * @throws HW-JOURNAL and HW-CAPTURE codes; rejects with `signal.reason` on cancel
 */
export async function* readRecords(
  reader: JournalReader & JournalNarrowing,
  decoder: TransactionDecoder,
  { start, term, follow, signal }: RecordsOptions,
): AsyncGenerator<OutboundRecord> {
  const after = await findStart(reader, start);
  const ranges = term === undefined ? [{ after, last: undefined }] : await reader.narrow(term, after);
  for (const range of ranges) yield* readRange(reader, decoder, { range, follow, signal });
}

/** The record at a place of the journal; undefined when there is none. @throws as `readRecords` */
export async function readRecordAt(
  reader: JournalReader,
  decoder: TransactionDecoder,
  { sequence, ordinal }: { readonly sequence: bigint; readonly ordinal: number },
  signal?: AbortSignal,
): Promise<OutboundRecord | undefined> {
  const range = { after: toSequence(sequence - 1n), last: toSequence(sequence) };
  for await (const outbound of readRange(reader, decoder, { range, follow: false, signal })) {
    if (outbound.header.sequence === sequence && outbound.record.ordinal === ordinal) return outbound;
  }
  return undefined;
}

async function* readRange(
  reader: JournalReader,
  decoder: TransactionDecoder,
  { range, follow, signal }: Pick<RecordsOptions, 'follow' | 'signal'> & { readonly range: SequenceRange },
): AsyncGenerator<OutboundRecord> {
  let ordinal = 0;
  const isOpen = range.last === undefined;
  for await (const entries of reader.read({ after: range.after, follow: follow && isOpen, signal })) {
    for (const entry of entries) {
      switch (entry.kind) {
        case 'schema':
          decoder.learnSchema(entry.message);
          break;
        case 'fragment': {
          if (range.last !== undefined && entry.header.sequence > range.last) return;
          const { records } = decoder.decodeBody(entry.encoding, entry.body, ordinal);
          ordinal = entry.isLast ? 0 : ordinal + records.length;
          for (const record of records) {
            const outbound = toOutboundRecord(record, entry.header, {});
            if (outbound !== undefined) yield outbound;
          }
          break;
        }
        default:
          unreachable(entry);
      }
    }
  }
}

async function findStart(reader: JournalReader, start: JournalStart): Promise<Sequence> {
  if (start === 'beginning') return sequenceZero;
  if (start === 'now') return reader.durableEnd.sequence;
  if (typeof start === 'object') return start.after;
  return reader.locateTime(start);
}
