import type { PartitionCounts } from './position-record.ts';

/** What partition counts say about the order of keys. */
export type CountVerdict =
  /** All counts are as before; `added` topics are met for the first time. */
  | { readonly kind: 'sound'; readonly counts: PartitionCounts; readonly isNew: boolean }
  | { readonly kind: 'changed'; readonly topic: string; readonly known: number; readonly found: number };

/**
 * Compares the partition counts of the topics of a batch with those that the lane's order rests on. Pure.
 * A count that the user accepts by name replaces the known one.
 */
export function judgePartitionCounts(
  known: PartitionCounts,
  found: ReadonlyMap<string, number>,
  accepted: Readonly<Record<string, number>>,
): CountVerdict {
  let counts: Map<string, number> | undefined;
  for (const [topic, count] of found) {
    const before = known.get(topic);
    if (before === count) continue;
    if (before !== undefined && accepted[topic] !== count)
      return { kind: 'changed', topic, known: before, found: count };
    counts ??= new Map(known);
    counts.set(topic, count);
  }
  return { kind: 'sound', counts: counts ?? known, isNew: counts !== undefined };
}
