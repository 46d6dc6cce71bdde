import { HeadwaterError } from '../../foundation/error.ts';
import type { TransactionPlace } from './commit-outcome.ts';

/** What a receipt is written as: which transaction, on which server, with which events. */
export interface ReceiptRecord extends TransactionPlace {
  /** Ids of the events that were gathered. */
  readonly events: readonly string[];
}

const version = 1;

/** Writes a receipt as text that can be kept. JSON, version 1; `docs/reference/receipt.md`. */
export function encodeReceipt({ systemId, timeline, xid, crashMark, events }: ReceiptRecord): string {
  return JSON.stringify({ version, systemId, timeline, xid: String(xid), crashMark, events });
}

/** Reads what `encodeReceipt` wrote. @throws HW-TRANSACT-010 for any other text: an outcome is never guessed */
export function decodeReceipt(text: string): ReceiptRecord {
  const fields = parseJson(text);
  if (fields['version'] !== version) {
    throw notReceipt(`its version is ${String(fields['version']).slice(0, 20)}; this release reads ${version}`);
  }
  const { crashMark, events, systemId, timeline, xid } = fields;
  if (typeof systemId !== 'string' || !/^\d{1,20}$/.test(systemId)) throw notReceipt('systemId is no number');
  if (typeof timeline !== 'number' || !Number.isSafeInteger(timeline)) throw notReceipt('timeline is no number');
  if (typeof xid !== 'string' || !/^[1-9]\d{0,19}$/.test(xid)) throw notReceipt('xid is no transaction id');
  if (typeof crashMark !== 'string') throw notReceipt('crashMark is no text');
  if (!isTextList(events)) throw notReceipt('events is no list of ids');
  return { systemId, timeline, xid: BigInt(xid), crashMark, events };
}

function parseJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Named below, without quoting the text.
  }
  throw notReceipt('it is no JSON object');
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function notReceipt(reason: string): HeadwaterError {
  return new HeadwaterError('HW-TRANSACT-010', `not a receipt: ${reason}`);
}
