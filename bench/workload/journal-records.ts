import { frameHeaderLength } from '../../src/journal/embedded/frame.ts';
import { commitRecordLength } from '../../src/journal/embedded/commit-record.ts';

export const recordByteCount = 296;
/** So many records are flushed at once. */
export const recordsPerGroup = 1000;

/** What the journal adds to a transaction. */
export const transactionOverheadBytes: number = frameHeaderLength + commitRecordLength;

/** What a transaction takes in the journal, for a peer that writes just as many bytes. */
export function transactionByteCount(recordCount: number): number {
  return transactionOverheadBytes + recordCount * recordByteCount;
}

/**
 * A group of records, one behind the other: each an INSERT of one text column as it comes in a replication stream, so that a
 * reader can walk over them.
 *
 *   CopyData 'd' Int32(length), XLogData 'w' Int64 Int64 Int64, Insert 'I' Int32(relation) 'N' Int16(1) 't' Int32(length) text
 */
export function createRecords(): Buffer {
  const group = Buffer.alloc(recordsPerGroup * recordByteCount, 'x');
  for (let start = 0; start < group.length; start += recordByteCount) {
    group.write('d', start);
    group.writeUInt32BE(recordByteCount - 1, start + 1);
    group.write('w', start + 5);
    group.fill(0, start + 6, start + 30);
    group.write('I', start + 30);
    group.writeUInt32BE(16_384, start + 31);
    group.write('N', start + 35);
    group.writeUInt16BE(1, start + 36);
    group.write('t', start + 38);
    group.writeUInt32BE(recordByteCount - 43, start + 39);
  }
  return group;
}
