declare const sequenceBrand: unique symbol;
/** The number of a transaction in one journal: 1, 2, 3, … without a gap. Zero stands for "before the first". */
export type Sequence = bigint & { readonly [sequenceBrand]: true };

/** Marks a number as a sequence. */
export function toSequence(value: bigint): Sequence {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where the brand is given.
  return value as Sequence;
}

/** Before the first transaction of a journal. */
export const sequenceZero: Sequence = toSequence(0n);
