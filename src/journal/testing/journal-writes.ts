import type { BodyFragment, SchemaEntry } from '../../capture/change-recorder.ts';
import { type Lsn, toLsn } from '../../model/lsn.ts';
import { type Sequence, sequenceZero } from '../../model/position.ts';
import type { SourceIdentity } from '../../model/source-identity.ts';
import type { CommitBoundary } from '../../model/transaction.ts';
import type { JournalReader, StoredEntry } from '../journal-reader.ts';

/** A source that tests record. */
export const testSource: SourceIdentity = {
  systemId: '7412345678901234567',
  timeline: 1,
  databaseName: 'shop',
  databaseOid: 16_384,
  slotName: 'headwater_test',
  publicationNames: ['headwater'],
  publicationOids: [16_390],
  sessionSettings: { DateStyle: 'ISO, MDY' },
  tables: ['public.orders'],
  uncopiedTables: [],
};

export const sourceStart: Lsn = toLsn(1000n);
const micros2026 = 1_767_225_600_000_000n;

/** The boundary of the `number`th commit: ends and times grow with it. */
export function boundaryOf(number: number, xid: number = 700 + number): CommitBoundary {
  return {
    xid,
    commitLsn: toLsn(1000n + 100n * BigInt(number)),
    commitEndLsn: toLsn(1050n + 100n * BigInt(number)),
    commitTimeMicros: micros2026 + 1_000_000n * BigInt(number),
  };
}

export function fragmentOf(...texts: readonly string[]): BodyFragment {
  return { encoding: 'pgoutput-copy/1', body: texts.map((text) => Buffer.from(text)), messageCount: texts.length };
}

export function schemaOf(relationId: number, text: string): SchemaEntry {
  return { relationId, message: Buffer.from(text) };
}

/** A committed transaction as a reader met it. */
export interface ReadTransaction {
  readonly sequence: Sequence;
  readonly xid: number;
  readonly commitEndLsn: Lsn;
  readonly messageCount: number;
  readonly text: string;
  readonly fragmentCount: number;
}

/** What a reader met, in order: schemas as text, transactions whole. */
export type Met = { readonly schema: string } | ReadTransaction;

/** Puts entries together, and throws when a transaction comes in pieces that do not fit. */
export class EntryCollector {
  readonly met: Met[] = [];
  #open: { readonly entry: Extract<StoredEntry, { kind: 'fragment' }>; readonly bodies: Uint8Array[] } | undefined;

  take(entries: readonly StoredEntry[]): void {
    for (const entry of entries) this.#takeEntry(entry);
  }

  get transactions(): readonly ReadTransaction[] {
    return this.met.filter((entry): entry is ReadTransaction => 'sequence' in entry);
  }

  #takeEntry(entry: StoredEntry): void {
    if (entry.kind === 'schema') {
      if (this.#open !== undefined) throw new Error('a schema inside a transaction');
      this.met.push({ schema: `${entry.relationId}:${Buffer.from(entry.message).toString()}` });
      return;
    }
    if (entry.isFirst !== (this.#open === undefined)) throw new Error(`first or not: ${entry.header.sequence}`);
    this.#open ??= { entry, bodies: [] };
    if (this.#open.entry.header.sequence !== entry.header.sequence) throw new Error('two transactions at once');
    this.#open.bodies.push(Uint8Array.from(entry.body));
    if (!entry.isLast) return;
    const { sequence, xid, commitEndLsn, messageCount } = entry.header;
    const text = Buffer.concat(this.#open.bodies).toString();
    this.met.push({ sequence, xid, commitEndLsn, messageCount, text, fragmentCount: this.#open.bodies.length });
    this.#open = undefined;
  }
}

/** Everything that is visible behind `after`. */
export async function readAll(reader: JournalReader, after: Sequence = sequenceZero): Promise<EntryCollector> {
  const collector = new EntryCollector();
  for await (const entries of reader.read({ after, follow: false })) collector.take(entries);
  return collector;
}

/** The texts of all visible transactions. */
export async function readTexts(reader: JournalReader, after: Sequence = sequenceZero): Promise<readonly string[]> {
  return (await readAll(reader, after)).transactions.map(({ text }) => text);
}
