/** Which way of joining effects a statement speaks about. */
export type Resolution =
  | 'local-transaction'
  | 'two-phase-commit'
  | 'three-phase-commit'
  | 'outbox'
  | 'log-message'
  | 'change-data-capture'
  | 'inbox'
  | 'idempotent-receiver'
  | 'idempotency-key'
  | 'at-most-once-guard'
  | 'saga'
  | 'durable-execution'
  | 'compensation'
  | 'reservation'
  | 'reconciliation'
  | 'event-sourcing'
  | 'none';

/** What an acknowledgement at a boundary says has happened. */
export type AckMeaning =
  | 'transmitted'
  | 'broker-accepted'
  | 'persisted'
  | 'delivered'
  | 'processed'
  | 'committed'
  | 'checkpointed'
  | 'cursor-advanced'
  | 'responsibility-transferred';

/** How often one effect can happen, and by which mechanism. */
export interface EffectGuarantee {
  readonly subject: string;
  readonly cardinality: 'at-most-once' | 'at-least-once' | 'effectively-once';
  /** The mechanism; every "effectively once" has one. */
  readonly by?: string;
}

/** One sentence that is promised, and the test that would turn red if it were false. */
export interface Claim {
  readonly text: string;
  /** Full name of a test; `npm test` fails when no passing test has it. */
  readonly heldBy: string;
}

/** What remains true at one boundary. */
export interface BoundaryGuarantee {
  readonly boundary: {
    readonly id: string;
    readonly kind: 'entity' | 'transaction' | 'process' | 'service' | 'broker' | 'projection' | 'client';
  };
  readonly effects: readonly EffectGuarantee[];
  readonly atomicity: 'atomic' | 'atomic-partial-states-visible' | 'none';
  readonly synchronicity: 'sync' | 'sync-then-async-on-error' | 'async';
  readonly consistency: 'strong' | 'eventual';
  readonly staleness?: 'bounded-by-token' | 'unbounded';
  readonly ordering: {
    readonly scope: 'none' | 'per-key' | 'per-partition' | 'total';
    readonly basis?: 'commit' | 'version' | 'id';
  };
  readonly ack: AckMeaning;
  /** What can go wrong at this boundary and what is seen then. */
  readonly failure: readonly string[];
  /** Whether the boundary's failure stops the one before it. */
  readonly blocking: boolean;
  readonly recovery: {
    readonly by: 'relay' | 'completer' | 'coordinator' | 'client' | 'operator';
    /** The durable material that recovery starts from. */
    readonly from: string;
  };
}

/**
 * What one option of the product promises: which stronger guarantee it replaces, and what remains at each boundary.
 * Guarantee statement version 1, `docs/reference/guarantees.md`.
 */
export interface GuaranteeStatement {
  readonly version: 1;
  /** The name that `headwater explain` takes: `kafka`, `emit-message`, `journal`. */
  readonly id: string;
  readonly title: string;
  readonly resolution: Resolution;
  /** The stronger guarantees that are given up here. */
  readonly replaces: readonly string[];
  readonly remains: readonly BoundaryGuarantee[];
  /** What a duplicate means for whoever sees it. */
  readonly duplicates: string;
  /** What stops it, and what then waits. */
  readonly blockedBy: readonly string[];
  readonly prerequisites: readonly string[];
  /** Windows that stay open. */
  readonly residual: readonly string[];
  readonly cost: readonly string[];
  readonly claims: readonly Claim[];
}
