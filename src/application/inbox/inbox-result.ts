/**
 * What became of a message. After each of these its receipt is committed, or none is needed: it may be acknowledged. An error instead of
 * a result means that nothing is known to be committed, and the message must come again.
 */
export type InboxResult<Reply> =
  /** Effect, events and reply were committed now. */
  | { readonly kind: 'done'; readonly reply: Reply }
  /** They had been before; the reply is the one of that time, undefined where none was kept. */
  | { readonly kind: 'duplicate'; readonly reply: Reply | undefined }
  /** Another content came under this id before. Nothing was executed. */
  | { readonly kind: 'mismatch' }
  /** A message of this key with this version or a later one took effect already. Nothing was executed. */
  | { readonly kind: 'stale'; readonly seenVersion: bigint }
  /** One before it is missing. It is kept and takes effect behind that one, or is parked when the gap lasts. */
  | { readonly kind: 'early'; readonly seenVersion: bigint }
  /** It is set aside with the reason, until it is retried or discarded. */
  | { readonly kind: 'parked'; readonly reason: string };

/** How often each result was given since the inbox was made. `duplicate` counts a fact of at-least-once delivery, no error. */
export type InboxCounts = Readonly<Record<InboxResult<unknown>['kind'], number>>;
