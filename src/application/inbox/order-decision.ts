/** Which messages of a key an inbox takes, and when. */
export type InboxOrder =
  /** Each by itself, whatever came before. */
  | { readonly kind: 'independent' }
  /** In the order of versions, gaps allowed: what is not newer than the last one taken is stale. For messages that hold a whole state. */
  | { readonly kind: 'latest' }
  /** One after the other without a gap: a message whose predecessor is missing waits for it, `gapLimitMs` (default 300,000) at most. */
  | { readonly kind: 'contiguous'; readonly firstVersion?: number | bigint; readonly gapLimitMs?: number };

/** What an order policy says of a message. */
export type OrderVerdict = 'next' | 'stale' | 'early';

/** The version that a key has before its first message: no message can have it. */
export function versionBeforeFirst(order: InboxOrder): bigint {
  return order.kind === 'contiguous' ? BigInt(order.firstVersion ?? 1) - 1n : -1n;
}

/** Decides by the last version that took effect. Pure. */
export function decideOrder(order: InboxOrder, seenVersion: bigint, version: bigint): OrderVerdict {
  if (order.kind === 'independent') return 'next';
  if (version <= seenVersion) return 'stale';
  return order.kind === 'contiguous' && version > seenVersion + 1n ? 'early' : 'next';
}
