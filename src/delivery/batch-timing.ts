/** A checkpoint kept by the sink is moved without records after so many transactions without any, or after so long. */
export const emptyTransactionsMax = 10_000n;
/** Milliseconds; the other of the two. */
export const emptyDelayMs = 60_000;

/** A write under way is given so long to go out before the next batch takes the processor. */
export const aheadDelayMs = 1;
