import type { AckMeaning, BoundaryGuarantee, Claim } from './guarantee.ts';

/** One property of a flow, and the part that decides it: the weakest link. */
export interface ComposedProperty<Value> {
  readonly value: Value;
  /** The id of the part. */
  readonly part: string;
}

/** How often the effect at the end can happen. `not-promised`: it may be missing, and it may happen again. */
export type ComposedCardinality = 'effectively-once' | 'at-least-once' | 'at-most-once' | 'not-promised';

/** A sentence of one part's statement. */
export interface PartSentence {
  readonly part: string;
  readonly text: string;
}

/**
 * What a flow promises from its first part to the boundary of its last one. Guarantee statement of flows, version 1,
 * `docs/reference/guarantees.md`.
 */
export interface ComposedStatement {
  readonly version: 1;
  /** The parts in the order of the flow, with those that lie between the ones that were named. */
  readonly parts: readonly string[];
  /** What is followed: `the event`, `a request`. */
  readonly subject: string;
  /** The boundary at the end. */
  readonly boundary: BoundaryGuarantee['boundary'];
  readonly cardinality: ComposedProperty<ComposedCardinality> & {
    /** The mechanism; every "effectively once" has one. */
    readonly by: string | undefined;
  };
  readonly atomicity: ComposedProperty<BoundaryGuarantee['atomicity']>;
  readonly synchronicity: ComposedProperty<BoundaryGuarantee['synchronicity']>;
  readonly consistency: ComposedProperty<BoundaryGuarantee['consistency']>;
  readonly staleness: ComposedProperty<'none' | 'bounded-by-token' | 'unbounded'>;
  readonly ordering: ComposedProperty<BoundaryGuarantee['ordering']>;
  /** `durable`: every acknowledgement on the way means something that survives a crash of the part that gave it. */
  readonly durability: ComposedProperty<'durable' | 'as-the-receiver-says'>;
  /** What success means at each boundary, in order; success at one says nothing of the next. */
  readonly ladder: readonly { readonly part: string; readonly boundary: string; readonly ack: AckMeaning }[];
  /** The parts that make the first one wait when they fail. The others only let the end lag behind. */
  readonly callerWaitsFor: readonly string[];
  /** What a duplicate means, part by part. */
  readonly duplicates: readonly PartSentence[];
  readonly blockedBy: readonly PartSentence[];
  /** The durable material that each part recovers from. */
  readonly recovery: readonly PartSentence[];
  readonly prerequisites: readonly PartSentence[];
  readonly residual: readonly PartSentence[];
  /** The claims of the flow as a whole, where it is one of those in the list; those of its parts stand in their statements. */
  readonly claims: readonly Claim[];
}
