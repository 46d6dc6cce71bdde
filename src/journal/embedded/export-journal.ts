import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import { formatLsn } from '../../model/lsn.ts';
import { type Sequence, sequenceZero } from '../../model/position.ts';
import type { TransactionHeader } from '../../model/transaction.ts';
import type { JournalReader, StoredEntry, StoredFragment } from '../journal-reader.ts';

/** What an export takes. */
export interface ExportOptions {
  /** Begins behind this transaction. Default: the oldest that is kept. */
  readonly after?: Sequence | undefined;
  /** Gives records instead of bodies. */
  readonly decoder?: TransactionDecoder | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A journal up to its durable end as lines of JSON, each with its line feed: `transaction` with place and time; then, in
 * the order of the source, `body` with the bytes in base64, or `record` when there is a decoder; `schema` where readers
 * that start later learn a relation. 64-bit numbers are texts. Memory is bounded by one fragment.
 * @throws HW-JOURNAL and HW-CAPTURE codes as reading and decoding do; `signal.reason` on cancel
 */
export async function* exportJournal(reader: JournalReader, options: ExportOptions = {}): AsyncGenerator<string> {
  const { after = sequenceZero, decoder, signal } = options;
  const lines = new ExportLines(decoder);
  for await (const entries of reader.read({ after, follow: false, signal })) {
    for (const entry of entries) yield* lines.of(entry);
  }
}

class ExportLines {
  readonly #decoder: TransactionDecoder | undefined;
  #recordCount = 0;

  constructor(decoder: TransactionDecoder | undefined) {
    this.#decoder = decoder;
  }

  *of(entry: StoredEntry): Generator<string> {
    if (entry.kind === 'schema') {
      this.#decoder?.learnSchema(entry.message);
      yield toLine({ kind: 'schema', relationId: entry.relationId, message: entry.message });
      return;
    }
    if (entry.isFirst) {
      this.#recordCount = 0;
      yield toLine({ kind: 'transaction', ...describeHeader(entry.header) });
    }
    yield* this.#contentOf(entry);
  }

  *#contentOf({ header, encoding, body }: StoredFragment): Generator<string> {
    const { sequence } = header;
    if (this.#decoder === undefined) {
      yield toLine({ kind: 'body', sequence, encoding, body });
      return;
    }
    const { records } = this.#decoder.decodeBody(encoding, body, this.#recordCount);
    this.#recordCount += records.length;
    for (const record of records) yield toLine({ kind: 'record', sequence, record });
  }
}

function describeHeader(header: TransactionHeader): object {
  const { sequence, xid, commitTimeMicros, systemId, timeline, messageCount } = header;
  const commitLsn = formatLsn(header.commitLsn);
  const commitEndLsn = formatLsn(header.commitEndLsn);
  return { sequence, xid, commitLsn, commitEndLsn, commitTimeMicros, systemId, timeline, messageCount };
}

function toLine(value: object): string {
  return `${JSON.stringify(value, replaceValue)}\n`;
}

/** Looks at the value itself, since a buffer has turned into a list of numbers before it is handed over. */
function replaceValue(this: object, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  const own: unknown = Reflect.get(this, key);
  if (own instanceof Uint8Array) return Buffer.from(own.buffer, own.byteOffset, own.length).toString('base64');
  return value;
}
