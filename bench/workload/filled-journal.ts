import type { BodyFragment } from '../../src/capture/change-recorder.ts';
import { createPgoutputDecoder } from '../../src/capture/postgres/pgoutput/pgoutput-decoder.ts';
import { systemClock } from '../../src/foundation/clock.ts';
import { silentLogger } from '../../src/foundation/logger.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import type { JournalWriter } from '../../src/journal/embedded/journal-writer.ts';
import { openJournal, type OpenedJournal } from '../../src/journal/embedded/open-journal.ts';
import { lsnZero, toLsn } from '../../src/model/lsn.ts';
import type { SourceIdentity } from '../../src/model/source-identity.ts';
import { laneDecoderOptions } from './lane-records.ts';

const source: SourceIdentity = {
  systemId: '1',
  timeline: 1,
  databaseName: 'bench',
  databaseOid: 1,
  slotName: 'bench',
  publicationNames: ['bench'],
  publicationOids: [1],
  sessionSettings: {},
  tables: [],
  uncopiedTables: [],
};

/** Opens a journal as the service does, except that no other process is told of its end. */
export function openBenchJournal(directory: string): Promise<OpenedJournal> {
  return openJournal({
    directory,
    disk: nodeDisk,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    createDecoder: () => createPgoutputDecoder(laneDecoderOptions),
    otherReaders: 'none',
  });
}

/** Opens a writer that has its source. */
export async function openBenchWriter(
  journal: OpenedJournal,
  identity: SourceIdentity = source,
): Promise<JournalWriter> {
  const writer = await journal.openWriter();
  writer.recordSource(identity, lsnZero, 'initial');
  await writer.flush();
  return writer;
}

/** Cuts a group of messages of one length into the bodies of transactions of so many messages each. */
export function cutTransactions(
  group: Uint8Array,
  messageByteCount: number,
  messagesPerTransaction: number,
): readonly BodyFragment[] {
  const byteCount = messageByteCount * messagesPerTransaction;
  return Array.from({ length: group.length / byteCount }, (_, index) => ({
    encoding: 'pgoutput-copy/1',
    body: [group.subarray(index * byteCount, (index + 1) * byteCount)],
    messageCount: messagesPerTransaction,
  }));
}

/** Appends transactions and numbers them. */
export class TransactionAppender {
  readonly #writer: JournalWriter;
  #xid = 0;

  constructor(writer: JournalWriter) {
    this.#writer = writer;
  }

  append(fragments: readonly BodyFragment[]): void {
    for (const fragment of fragments) {
      this.#xid += 1;
      const end = BigInt(this.#xid) * 16n;
      this.#writer.appendTransaction(
        { xid: this.#xid, commitLsn: toLsn(end - 8n), commitEndLsn: toLsn(end), commitTimeMicros: end },
        fragment,
        [],
      );
    }
  }
}
