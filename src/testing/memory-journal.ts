import assert from 'node:assert/strict';
import type { DurableEnd } from '../capture/change-recorder.ts';
import type { DecodedBody, TransactionDecoder } from '../capture/transaction-decoder.ts';
import { type Instant, toInstant } from '../foundation/clock.ts';
import type {
  JournalExtent,
  JournalReader,
  ReadOptions,
  StoredEntry,
  WriterPresence,
} from '../journal/journal-reader.ts';
import type { StateStore } from '../journal/state-store.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import { type Lsn, toLsn } from '../model/lsn.ts';
import { type Sequence, toSequence } from '../model/position.ts';
import { commitInstant, type TransactionHeader } from '../model/transaction.ts';

type WithoutOrdinal<Record> = Record extends JournalRecord ? Omit<Record, 'ordinal'> : never;
/** A record whose place is decided by where it is appended. */
export type UnplacedRecord = WithoutOrdinal<JournalRecord>;

/** What a record takes of a body: its number, and room. */
const recordByteCount = 64;

interface Stored {
  readonly header: TransactionHeader;
  readonly fragments: readonly (readonly UnplacedRecord[])[];
}

/**
 * A journal in memory, for tests of what reads one: the same port, no disk. Bodies hold the numbers of stored records, and the
 * decoder that belongs to it looks them up, so that each decode can be counted.
 */
export class MemoryJournal implements JournalReader {
  readonly journalId: string;
  readonly presence: WriterPresence = 'writing';
  readonly #stored: Stored[] = [];
  readonly #records: UnplacedRecord[] = [];
  readonly #waiting = new Set<() => void>();
  #trimmed = 0;
  #readCount = 0;
  #decodeCount = 0;
  #failure: Error | undefined;

  constructor(journalId = '5f2f6f0e-0000-4000-8000-000000000001') {
    this.journalId = journalId;
  }

  /** Reads begun, and bodies decoded, by all readers together. */
  get readCount(): number {
    return this.#readCount;
  }

  get decodeCount(): number {
    return this.#decodeCount;
  }

  /** Commits a transaction. Several fragments stand for one too large for a single body. */
  append(...fragments: readonly (readonly UnplacedRecord[])[]): Sequence {
    const sequence = toSequence(BigInt(this.#stored.length + 1));
    const header: TransactionHeader = {
      sequence,
      systemId: '7385',
      timeline: 1,
      xid: 1000 + this.#stored.length,
      commitLsn: toLsn(sequence * 256n),
      commitEndLsn: toLsn(sequence * 256n + 64n),
      commitTimeMicros: 1_800_000_000_000_000n + sequence * 1_000_000n,
      messageCount: fragments.flat().length,
    };
    this.#stored.push({ header, fragments: fragments.length === 0 ? [[]] : fragments });
    this.#wake();
    return sequence;
  }

  /** The header of a transaction that was appended. */
  header(sequence: Sequence): TransactionHeader {
    const stored = this.#stored[Number(sequence) - 1];
    assert.ok(stored !== undefined, `the journal has sequence ${sequence}`);
    return stored.header;
  }

  /** Retention: everything up to `sequence` is gone. */
  trim(sequence: Sequence): void {
    this.#trimmed = Number(sequence);
  }

  /** The next read, or the one that waits, fails. */
  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  get durableEnd(): DurableEnd {
    return {
      sequence: toSequence(BigInt(this.#stored.length)),
      recordedLsn: this.#stored.at(-1)?.header.commitEndLsn ?? toLsn(0n),
    };
  }

  async *read(options: ReadOptions): AsyncGenerator<readonly StoredEntry[]> {
    this.#readCount += 1;
    let next = Math.max(Number(options.after), this.#trimmed);
    for (;;) {
      options.signal?.throwIfAborted();
      this.#throwFailure();
      const stored = this.#stored[next];
      if (stored === undefined) {
        if (!options.follow) return;
        await this.waitBehind(toSequence(BigInt(next)), options.signal);
        continue;
      }
      next += 1;
      yield this.#entriesOf(stored);
    }
  }

  waitBehind(after: Sequence, signal?: AbortSignal): Promise<DurableEnd> {
    return this.#waitFor(() => this.durableEnd.sequence > after, signal);
  }

  waitRecorded(lsn: Lsn, signal?: AbortSignal): Promise<DurableEnd> {
    return this.#waitFor(() => this.durableEnd.recordedLsn >= lsn, signal);
  }

  #waitFor(isReached: () => boolean, signal: AbortSignal | undefined): Promise<DurableEnd> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (signal?.aborted !== true && this.#failure === undefined && !isReached()) return;
        this.#waiting.delete(look);
        signal?.removeEventListener('abort', look);
        if (signal?.aborted === true) reject(signal.reason);
        else resolve(this.durableEnd);
      };
      this.#waiting.add(look);
      signal?.addEventListener('abort', look, { once: true });
      look();
    });
  }

  extent(): Promise<JournalExtent> {
    return Promise.resolve({
      first: toSequence(BigInt(this.#trimmed + 1)),
      last: this.durableEnd.sequence,
      byteCount: 0,
      oldestCommitMicros: this.#stored[this.#trimmed]?.header.commitTimeMicros,
    });
  }

  locateTime(instant: Instant): Promise<Sequence> {
    const index = this.#stored.findIndex(({ header }) => commitInstant(header) >= instant);
    return Promise.resolve(toSequence(BigInt(index === -1 ? this.#stored.length : index)));
  }

  /** Knows the bodies of this journal only. */
  readonly createDecoder = (): TransactionDecoder => ({
    learnSchema: () => undefined,
    decodeBody: (_encoding, body, firstOrdinal): DecodedBody => {
      this.#decodeCount += 1;
      const view = new DataView(body.buffer, body.byteOffset, body.length);
      const numbers = Array.from({ length: Math.floor(body.length / recordByteCount) }, (_, index) =>
        view.getUint32(index * recordByteCount),
      );
      return {
        records: numbers.map((number, index) => ({ ...this.#recordAt(number), ordinal: firstOrdinal + index })),
        counts: { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 },
      };
    },
    cutBody: (_encoding, body, byteCount) =>
      Math.min(body.length, Math.ceil(byteCount / recordByteCount) * recordByteCount),
  });

  #recordAt(number: number): UnplacedRecord {
    const record = this.#records[number];
    assert.ok(record !== undefined, 'a body of this journal');
    return record;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #entriesOf({ header, fragments }: Stored): readonly StoredEntry[] {
    return fragments.map((records, index) => {
      const body = new Uint8Array(records.length === 0 ? 4 : records.length * recordByteCount);
      const view = new DataView(body.buffer);
      for (const [place, record] of records.entries())
        view.setUint32(place * recordByteCount, this.#records.push(record) - 1);
      const isLast = index === fragments.length - 1;
      return { kind: 'fragment', header, encoding: 'pgoutput-copy/1', body, isFirst: index === 0, isLast };
    });
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }
}

/** A state store in memory: what is written is there at once. */
export function createMemoryStates(): StateStore {
  const texts = new Map<string, string>();
  return {
    read: (kind, name) => texts.get(`${kind}/${name}`),
    write: (kind, name, text) => void texts.set(`${kind}/${name}`, text),
    remove: (kind, name) => void texts.delete(`${kind}/${name}`),
    change: (edits) => {
      for (const { kind, name, text } of edits) {
        if (text === undefined) texts.delete(`${kind}/${name}`);
        else texts.set(`${kind}/${name}`, text);
      }
    },
    list: (kind) =>
      [...texts]
        .filter(([key]) => key.startsWith(`${kind}/`))
        .map(([key, text]) => [key.slice(kind.length + 1), text] as const)
        .sort(([left], [right]) => (left < right ? -1 : 1)),
    close: () => undefined,
  };
}

/** An event with a key and an id of its own. */
export function testEvent(key: string | null, id: string, payload = '{}'): UnplacedRecord {
  return {
    kind: 'event',
    event: {
      id,
      type: 'test.happened',
      schemaVersion: 1,
      key,
      source: 'test',
      occurredAt: toInstant(1_800_000_000_000),
      contentType: 'application/json',
      payload: new TextEncoder().encode(payload),
      headers: {},
      origin: 'message',
    },
  };
}
