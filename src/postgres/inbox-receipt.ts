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
  return writeReceipt(schemaName, names, values);
}

/**
 * The same without parameters, for a message of several statements. Values come from whoever sends messages: those that are not plain
 * through and through travel as hexadecimal digits, so that none of them can end its literal.
 */
export function receiptText(
  schemaName: string,
  message: { readonly installation: string; readonly consumer: string; readonly messageId: string },
  fingerprint: Uint8Array,
): string {
  const names = ['installation', 'consumer', 'message_id', 'fingerprint'];
  const texts = [message.installation, message.consumer, message.messageId];
  return writeReceipt(schemaName, names, [...texts.map(literalOf), bytesText(fingerprint)]);
}

/** Nothing in it ends a literal or begins an escape. */
const plainText = /^[\w .:/@-]*$/;

function literalOf(text: string): string {
  if (plainText.test(text)) return `'${text}'`;
  return `pg_catalog.convert_from(${bytesText(Buffer.from(text))}, 'UTF8')`;
}

function bytesText(bytes: Uint8Array): string {
  return `pg_catalog.decode('${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}', 'hex')`;
}

function writeReceipt(schemaName: string, names: readonly string[], values: readonly string[]): string {
  return `insert into ${quoteQualified(schemaName, 'inbox')} (${names.join(', ')}) values (${values.join(', ')})
on conflict (installation, consumer, message_id) do nothing`;
}
