/** Why a message was set aside. */
export type HeldReason =
  /** One of its key before it is missing. */
  | 'gap'
  /** The handler said that it will never take it. */
  | 'rejected'
  /** Its content does not fit the schema, or it cannot be read at all. */
  | 'unreadable'
  /** The handler failed as often as the consumer tries. */
  | 'attempts'
  /** Older than what the clean-up has removed: nobody can tell whether it took effect. */
  | 'beyond-retention';

/** A message that an inbox has set aside. Its content stays in the table. */
export interface HeldMessage {
  readonly id: string;
  readonly sender: string;
  /** `waiting`: takes effect by itself once the one before it has. `parked`: until somebody retries or discards it. */
  readonly state: 'waiting' | 'parked' | 'discarded';
  /** A word of `HeldReason`, and what is known about it. */
  readonly reason: string;
  readonly key: string | null;
  readonly version: bigint | undefined;
  readonly heldAt: Date;
}
