import type { WalkStart } from './place-finder.ts';

/** Where reading may begin in a segment. */
export interface IndexPlace {
  /** Of the first transaction at or behind the offset. */
  readonly sequence: bigint;
  /** Greatest commit time of the segment's transactions before it. */
  readonly greatestMicros: bigint;
  readonly offset: number;
}

/** Places in the order of their offsets: an array, or made from an index's bytes when they are asked for. */
export interface PlaceList {
  readonly length: number;
  at(index: number): IndexPlace | undefined;
}

/** What an index knows of where reading may begin in its segment. */
export interface KnownPlaces {
  readonly places: PlaceList;
  readonly contextOffsets: readonly number[];
  readonly firstSequence: bigint;
  readonly lastSequence: bigint;
  readonly greatestMicros: bigint;
  /** How much of the segment the index covers. */
  readonly byteCount: number;
}

/** The last place at which `isBefore` holds. It holds for the first places and for no later one. */
export function findLastPlace(
  { places, contextOffsets, byteCount }: KnownPlaces,
  isBefore: (place: IndexPlace) => boolean,
): WalkStart | undefined {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const candidate = places.at(middle);
    if (candidate !== undefined && isBefore(candidate)) low = middle + 1;
    else high = middle;
  }
  const place = low === 0 ? undefined : places.at(low - 1);
  if (place === undefined) return undefined;
  const nextOffset = places.at(low)?.offset ?? byteCount;
  return { sequence: place.sequence, offset: place.offset, byteCount: nextOffset - place.offset, contextOffsets };
}
