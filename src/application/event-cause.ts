/** What an event takes over from the message that it follows from. */
export interface EventCause {
  /** What the message belongs to, or its own id where it says nothing. */
  readonly correlationId: string;
  /** The id of the message. */
  readonly causationId: string;
  readonly traceparent?: string | undefined;
}

/** By the identity of a transaction handle, and never kept alive by this. */
const causes = new WeakMap<object, EventCause>();

/** From now on, events that are written through this transaction object follow from that message. */
export function rememberCause(identity: object, cause: EventCause): void {
  causes.set(identity, cause);
}

/** Undefined: the transaction is not one of a message. */
export function causeOf(identity: object): EventCause | undefined {
  return causes.get(identity);
}

/** A client that a pool lends anew has another identity only where the pool gives it one. */
export function forgetCause(identity: object): void {
  causes.delete(identity);
}
