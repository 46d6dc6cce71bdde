import assert from 'node:assert/strict';
import { toInstant } from '../foundation/clock.ts';
import type { BatchLimits } from '../delivery/lane-options.ts';
import type { UnplacedRecord } from './memory-journal.ts';

/** A record of the suite as it is found in the store. */
export interface StoredRecord {
  readonly key: string;
  /** Counts the records of its key from 0. */
  readonly number: number;
}

/** A record that the suite wants. */
export interface RecordRequest extends StoredRecord {
  /** Bytes of padding. Default: few. */
  readonly size?: number;
}

/** The keys of the suite. Pure. */
export const suiteKeys = ['a', 'b', 'c', 'd'] as const;

/** How many transactions the suite's journal has. */
export const suiteTransactionCount = 60;

/** The records of the suite's journal, the same in every process: transactions of 1 to 5 records. */
export function suiteTransactions(): readonly (readonly StoredRecord[])[] {
  const counts = new Map<string, number>();
  return Array.from({ length: suiteTransactionCount }, (_, transaction) =>
    Array.from({ length: 1 + (transaction % 5) }, (_, index) => {
      const key = suiteKeys[(transaction * 7 + index * 3) % suiteKeys.length] ?? 'a';
      const number = counts.get(key) ?? 0;
      counts.set(key, number + 1);
      return { key, number };
    }),
  );
}

/** Batches that are small enough for a fault to fall between two of them. */
export const suiteBatch: Partial<BatchLimits> = { recordCountMax: 20 };

/** The suite's own form of a record: an event `suite.record` with id `a-7` and the payload `{ key, number, padding }`. Pure. */
export function suiteRecord({ key, number, size = 8 }: RecordRequest): UnplacedRecord {
  const payload = new TextEncoder().encode(JSON.stringify({ key, number, padding: 'x'.repeat(size) }));
  return {
    kind: 'event',
    event: {
      id: `${key}-${number}`,
      type: 'suite.record',
      schemaVersion: 1,
      key,
      source: 'test',
      occurredAt: toInstant(1_800_000_000_000),
      contentType: 'application/json',
      payload,
      headers: {},
      origin: 'message',
    },
  };
}

/**
 * What the payload of a `suiteRecord` says, as it stands in the store.
 * @throws AssertionError when the text is no payload of the suite: a test fails by it
 */
export function parseSuiteRecord(payload: string | null): StoredRecord {
  const value: unknown = JSON.parse(payload ?? 'null');
  const isRecord = typeof value === 'object' && value !== null && 'key' in value && 'number' in value;
  if (isRecord && typeof value.key === 'string' && typeof value.number === 'number') {
    return { key: value.key, number: value.number };
  }
  return assert.fail(`no payload of the suite: ${String(payload).slice(0, 100)}`);
}
