import type { JournalWriterInput } from '../journal/embedded/open-journal-writer.ts';

/** What crosses into the capture worker: plain values and shared memory, no functions. */
export interface CaptureWorkerInput {
  readonly installation: string;
  readonly slotName: string;
  readonly publicationName: string;
  readonly tables: readonly string[];
  readonly requiredTables: readonly string[];
  readonly outboxTable: string;
  readonly create: 'if-missing' | 'never';
  readonly canaryIntervalMs: number | false;
  readonly flushIntervalMs: number;
  /** Whether older rows are copied. */
  readonly snapshot: boolean;
  readonly journal: JournalWriterInput;
}
