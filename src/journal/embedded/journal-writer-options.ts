import type { Clock } from '../../foundation/clock.ts';
import type { Disk, DiskFile } from '../../foundation/disk.ts';
import type { DurableEndPublisher } from './durable-place.ts';
import type { JournalPaths } from './journal-paths.ts';
import type { Ownership } from './ownership.ts';
import type { RecoveredJournal } from './recovery.ts';

/** What a writer works with. */
export interface JournalWriterOptions {
  readonly disk: Disk;
  readonly paths: JournalPaths;
  readonly journalId: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly ownership: Ownership;
  readonly publisher: DurableEndPublisher;
  /** A new segment begins above this size, between transactions. */
  readonly segmentByteCount: number;
  readonly recovered: RecoveredJournal;
  /** The last segment, open for writing; the writer closes it. */
  readonly file: DiskFile;
  /** The largest number that a spool of this epoch has. */
  readonly lastSpoolNumber: number;
}
