import { quoteQualified } from './quote.ts';

/*
 * The receipt of a message: one row of `inbox`, in the transaction of the effect. Handlers of a lane and inboxes of an
 * application write the same row: what the primary key names took effect.
 */

/** Whose receipts these are. */
export interface ReceiptScope {
  readonly schemaName: string;
  /** Where the messages come from: one sender's ids say nothing about another's. */
  readonly installation: string;
  readonly consumer: string;
}

/**
 * $1 installation, $2 consumer, $3 message id, and values for `columns` from $4 on. Gives a row when the message was not there. A second
 * transaction with the same message waits for the end of the first one, so that never both get a row.
 */
export function insertReceiptStatement(schemaName: string, columns: readonly string[] = []): string {
  return `${countReceiptStatement(schemaName, columns)} returning 1 as noted`;
}

/** The same for a client that says how many rows were written. */
export function countReceiptStatement(schemaName: string, columns: readonly string[]): string {
  const names = ['installation', 'consumer', 'message_id', ...columns];
  const values = names.map((_, index) => `$${index + 1}`);
  return `insert into ${quoteQualified(schemaName, 'inbox')} (${names.join(', ')}) values (${values.join(', ')})
on conflict (installation, consumer, message_id) do nothing`;
}
