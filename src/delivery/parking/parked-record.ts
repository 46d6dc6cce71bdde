import { HeadwaterError } from '../../foundation/error.ts';
import { type Sequence, toSequence } from '../../model/position.ts';
import type { Checkpoint } from '../checkpoint.ts';

/** Where a record stands in the journal. */
export interface RecordPlace {
  readonly sequence: Sequence;
  readonly ordinal: number;
}

/** What a parked record must not be overtaken by. */
export type ParkedOrder =
  /** No order was promised for it. */
  | { readonly kind: 'free' }
  | { readonly kind: 'keys'; readonly keys: readonly string[] }
  /** A TRUNCATE: every key of these tables, as `schema.table`. */
  | { readonly kind: 'tables'; readonly tables: readonly string[] };

/** Why a record is parked. */
export interface ParkedFailure {
  readonly code: string;
  readonly message: string;
  /** Attempts that failed, since the record was first parked. */
  readonly attemptCount: number;
  /** Since when the record is parked, in milliseconds of the epoch. */
  readonly sinceMs: number;
  /** Somebody asked for another attempt, and it has not ended. */
  readonly isRetrying: boolean;
}

/** A record that the checkpoint passes undelivered: poisoned, or waiting behind one that is. Its payload stays in the journal. */
export interface ParkedRecord extends RecordPlace {
  readonly id: string;
  readonly key: string | null;
  /** Table or event type. */
  readonly subject: string;
  readonly order: ParkedOrder;
  /** Undefined: it waits behind another one. */
  readonly failure: ParkedFailure | undefined;
}

const version = 1;

/** Which of two places lies further: negative, zero or positive as for `sort`. */
export function comparePlaces(left: RecordPlace, right: RecordPlace): number {
  if (left.sequence !== right.sequence) return left.sequence < right.sequence ? -1 : 1;
  return left.ordinal - right.ordinal;
}

/** A place as text that sorts as the places do. */
export function placeText({ sequence, ordinal }: RecordPlace): string {
  return `${String(sequence).padStart(20, '0')}/${String(ordinal).padStart(10, '0')}`;
}

/** Whether a checkpoint says that the record at the place is done with. */
export function isPassed({ sequence, ordinal }: RecordPlace, checkpoint: Checkpoint): boolean {
  if (sequence <= checkpoint.sequence) return true;
  return sequence === checkpoint.sequence + 1n && ordinal < checkpoint.recordCount;
}

/** Version 1 of the text beside the journal. */
export function encodeParkedRecord(record: ParkedRecord): string {
  return JSON.stringify({ version, ...record, sequence: String(record.sequence) });
}

/**
 * Reads what `encodeParkedRecord` wrote.
 * @throws HW-LANE-007 for any other text: what is parked is never guessed.
 */
export function decodeParkedRecord(text: string): ParkedRecord {
  const { version: found, sequence, ordinal, id, key, subject, order, failure } = parseObject(text);
  const isReadable =
    found === version &&
    typeof sequence === 'string' &&
    /^\d{1,19}$/.test(sequence) &&
    typeof ordinal === 'number' &&
    typeof id === 'string' &&
    (typeof key === 'string' || key === null) &&
    typeof subject === 'string' &&
    isOrder(order) &&
    (failure === undefined || isFailure(failure));
  if (!isReadable) throw unreadable();
  return { sequence: toSequence(BigInt(sequence)), ordinal, id, key, subject, order, failure };
}

function isOrder(value: unknown): value is ParkedOrder {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  if (value.kind === 'free') return true;
  if (value.kind === 'keys') return 'keys' in value && isTexts(value.keys);
  return value.kind === 'tables' && 'tables' in value && isTexts(value.tables);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isFailure(value: unknown): value is ParkedFailure {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message, attemptCount, sinceMs, isRetrying }: Partial<Record<keyof ParkedFailure, unknown>> = value;
  return (
    typeof code === 'string' &&
    typeof message === 'string' &&
    typeof attemptCount === 'number' &&
    typeof sinceMs === 'number' &&
    typeof isRetrying === 'boolean'
  );
}

/** The fields of a JSON object. @throws HW-LANE-007 */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Falls through: the text is not quoted.
  }
  throw unreadable();
}

function unreadable(): HeadwaterError {
  return new HeadwaterError('HW-LANE-007', 'the list of parked records cannot be read');
}
