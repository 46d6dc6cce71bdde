/**
 * `flushed`: on the disk when the call returns. `written`: outlives a kill of the process; a power cut may take it, and
 * then nothing that was written after it is there either. The next flushed call makes it durable as well.
 */
export type StateDurability = 'flushed' | 'written';

/** One of several changes that are made together: a new text, or without one a removal. */
export interface StateEdit {
  readonly kind: string;
  readonly name: string;
  readonly text: string | undefined;
}

/**
 * Small durable state beside the journal: checkpoints, lanes, parked records, leases, audit. Text by kind and name. Calls are synchronous,
 * and durable when they return unless they say otherwise. Its exclusive lock is the journal's writer lock; a killed holder
 * releases it by dying.
 */
export interface StateStore {
  read(kind: string, name: string): string | undefined;
  /** @param durability `flushed` by default */
  write(kind: string, name: string, text: string, durability?: StateDurability): void;
  remove(kind: string, name: string): void;
  /** Makes all of the changes or none, with one flush. Durable when it returns. */
  change(edits: readonly StateEdit[]): void;
  /** Pairs of name and text, sorted by name. */
  list(kind: string): readonly (readonly [string, string])[];
  close(): void;
}
