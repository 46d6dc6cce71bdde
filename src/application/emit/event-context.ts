import type { TransactionHandle } from '../../postgres/transaction-handle.ts';

/** What every event of one transaction is given where its own options say nothing. */
export interface EventContext {
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
}

const contexts = new WeakMap<object, EventContext>();

/**
 * Gives the events of a transaction what led to them. By the identity of the transaction object, so that it is over with it; a
 * transaction that a library nests in another one is an object of its own.
 */
export function setEventContext(handle: Pick<TransactionHandle, 'identity'>, context: EventContext): void {
  contexts.set(handle.identity, context);
}

/** Empty where nobody has set one. */
export function eventContextOf(handle: Pick<TransactionHandle, 'identity'>): EventContext {
  return contexts.get(handle.identity) ?? {};
}

/** A client that a pool lends anew has another identity only where the pool gives it one. */
export function forgetEventContext(handle: Pick<TransactionHandle, 'identity'>): void {
  contexts.delete(handle.identity);
}
