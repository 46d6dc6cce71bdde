import { postgresEpochMicros } from '../replication/wire.ts';
import type { MessageReader } from './message-reader.ts';

/*
 * Begin and Commit, behind their tags, https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 *
 *   Begin   Int64 LSN of the commit, Int64 commit time, Int32 xid
 *   Commit  Int8 flags (0), Int64 LSN of the commit, Int64 end LSN of the transaction, Int64 commit time
 *
 * Times are microseconds since 2000-01-01.
 */

/** The commit time in microseconds since 1970. */
export function decodeBegin(reader: MessageReader): bigint {
  reader.name('begin');
  reader.readUint64();
  const commitTimeMicros = reader.readInt64() + postgresEpochMicros;
  reader.readUint32();
  reader.close();
  return commitTimeMicros;
}

/** Checks a Commit message to its end and drops it: the boundary stands in the journal's own record. */
export function skipCommit(reader: MessageReader): void {
  reader.name('commit');
  const flags = reader.readUint8();
  if (flags !== 0) reader.refuse(`it has the flags ${flags}`);
  reader.readUint64();
  reader.readUint64();
  reader.readInt64();
  reader.close();
}
