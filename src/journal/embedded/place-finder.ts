/** Where a walk may begin in the middle of a segment, and the frames before it that later ones rely on. */
export interface WalkStart {
  readonly sequence: bigint;
  readonly offset: number;
  /** Up to the next place that is known: a transaction that begins before that one ends before it. */
  readonly byteCount: number;
  readonly contextOffsets: readonly number[];
}

/** Knows places inside segments. Knowing none is always right: the walk then begins at the segment's start. */
export interface PlaceFinder {
  /** A place at or before the transaction `sequence`. */
  findSequence(segment: number, sequence: bigint): Promise<WalkStart | undefined>;
  /** A place before which everything committed before the time; `none` when everything in the segment did. */
  findTime(segment: number, micros: bigint): Promise<WalkStart | 'none' | undefined>;
}

/** Knows no place. */
export const noPlaces: PlaceFinder = {
  findSequence: async () => undefined,
  findTime: async () => undefined,
};
