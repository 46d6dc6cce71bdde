import type { Disk } from '../../foundation/disk.ts';
import type { JournalPaths } from './journal-paths.ts';

/** The files of one journal, for everybody who reads them. */
export interface JournalFiles {
  readonly disk: Disk;
  readonly paths: JournalPaths;
  readonly journalId: string;
}
