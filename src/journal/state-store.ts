/**
 * Small durable state beside the journal: checkpoints, lanes, leases, audit. Text by kind and name. Calls are synchronous
 * and durable when they return. Its exclusive lock is the journal's writer lock; a killed holder releases it by dying.
 */
export interface StateStore {
  read(kind: string, name: string): string | undefined;
  write(kind: string, name: string, text: string): void;
  remove(kind: string, name: string): void;
  /** Pairs of name and text, sorted by name. */
  list(kind: string): readonly (readonly [string, string])[];
  close(): void;
}
