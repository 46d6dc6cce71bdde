/** How far a derived store is, and how far behind. On every answer. */
export interface Freshness {
  readonly lane: string;
  /** The transaction that is the last one applied; zeros before the first. */
  readonly position: FreshnessPosition;
  readonly lag: FreshnessLag;
  /** Records up to the token that the sink refused and that wait for an operator; 0 unless they were allowed. */
  readonly parkedCount: number;
  readonly waitedMs: number;
}

/** A place in the journal and in the source. */
export interface FreshnessPosition {
  readonly sequence: bigint;
  readonly commitEndLsn: bigint;
  /** Microseconds since 1970. */
  readonly commitTimeMicros: bigint;
}

/** What the journal holds and the store does not show. */
export interface FreshnessLag {
  readonly transactionCount: bigint;
  /** Age of the oldest commit that is not shown; 0 when there is none. */
  readonly ageMs: number;
}

/** How a wait for a token is bounded. */
export interface ReadyOptions {
  /** Default 2000 ms. 0: only a look. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * What becomes of a wait when records up to the token are parked, and nobody knows whether the token stands for them.
   * `refuse` (default): HW-TOKEN-007. `allow`: the answer counts them.
   */
  readonly parked?: 'refuse' | 'allow' | undefined;
}

/** What is known of one lane: `parked`, where records up to the token are set aside. */
export interface LaneBoundary {
  readonly lane: string;
  readonly sink: string;
  readonly state: 'pending' | 'applied' | 'parked';
}

/** How far what a token stands for has come behind its commit. */
export interface BoundaryReport {
  readonly journal: 'pending' | 'journaled';
  readonly lanes: readonly LaneBoundary[];
}

/** A running service, in this process or another, that can be asked for what a token stands for. */
export interface BoundaryReader {
  /** Looks, and waits for nothing. @throws HW-TOKEN-001…004, HW-TOKEN-008 */
  readBoundaries(token: string, signal?: AbortSignal): Promise<BoundaryReport>;
}
