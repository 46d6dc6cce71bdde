import { encodeEventEnvelope } from '../../src/model/event-envelope.ts';
import { toInstant } from '../../src/foundation/clock.ts';
import { unreachable } from '../../src/foundation/assert.ts';
import type { JournalRecord } from '../../src/model/journal-record.ts';
import { type ColumnValue, unchanged } from '../../src/model/row.ts';

/** One row of the one table that the simulated application has: `rows(id primary key, value, big)`. */
export interface SimulatedRow {
  readonly value: string;
  /** Stored out of line: an UPDATE that leaves it alone does not send it. */
  readonly big: string | null;
}

/** What a transaction wrote, in the form that the stream carries it. */
export type SimulatedChange =
  | { readonly kind: 'insert'; readonly id: string; readonly row: SimulatedRow }
  | {
      readonly kind: 'update';
      readonly id: string;
      /** The key before, when it changed. */
      readonly formerId: string | undefined;
      readonly value: string;
      /** Undefined: left as it was. */
      readonly big: string | null | undefined;
    }
  | { readonly kind: 'delete'; readonly id: string }
  | { readonly kind: 'truncate' }
  | { readonly kind: 'event'; readonly id: string; readonly key: string; readonly text: string }
  /** A logical message of somebody else, or a canary: no record. */
  | { readonly kind: 'message'; readonly prefix: string; readonly content: string };

/** Whether Headwater delivers it. */
export function isRecord(change: SimulatedChange): boolean {
  return change.kind !== 'message';
}

/** What must come out of Headwater for a change, as text. */
export function describeChange(change: SimulatedChange): string {
  switch (change.kind) {
    case 'insert':
      return `insert ${change.id} ${change.row.value} ${show(change.row.big)}`;
    case 'update':
      return `update ${change.formerId ?? ''}>${change.id} ${change.value} ${show(change.big)}`;
    case 'delete':
      return `delete ${change.id}`;
    case 'truncate':
      return 'truncate';
    case 'event':
      return `event ${change.key} ${change.text}`;
    case 'message':
      return 'nothing';
    default:
      return unreachable(change);
  }
}

/** The same text from what a sink was given. */
export function describeRecord(record: JournalRecord): string {
  switch (record.kind) {
    case 'insert':
      return `insert ${text(record.after[0])} ${text(record.after[1])} ${show(valueOf(record.after[2]))}`;
    case 'update': {
      const former = record.before === undefined ? '' : text(record.before[0]);
      return `update ${former}>${text(record.after[0])} ${text(record.after[1])} ${show(valueOf(record.after[2]))}`;
    }
    case 'delete':
      return `delete ${text(record.before[0])}`;
    case 'truncate':
      return 'truncate';
    case 'event':
      return `event ${record.event.key ?? ''} ${Buffer.from(record.event.payload).toString()}`;
    case 'read':
      throw new Error('the simulated source has no snapshot');
    default:
      return unreachable(record);
  }
}

/** Keys of which the order must hold, `*` for all. */
export function keysOf(change: SimulatedChange): readonly string[] {
  switch (change.kind) {
    case 'insert':
    case 'delete':
      return [`row ${change.id}`];
    case 'update':
      return change.formerId === undefined ? [`row ${change.id}`] : [`row ${change.formerId}`, `row ${change.id}`];
    case 'truncate':
      return ['*'];
    case 'event':
      return [`event ${change.key}`];
    case 'message':
      return [];
    default:
      return unreachable(change);
  }
}

/** Changes a table as the database does, and as a mirror of it must. */
export function applyChange(rows: Map<string, SimulatedRow>, change: SimulatedChange): void {
  switch (change.kind) {
    case 'insert':
      rows.set(change.id, change.row);
      return;
    case 'update': {
      const before = rows.get(change.formerId ?? change.id);
      if (change.formerId !== undefined) rows.delete(change.formerId);
      rows.set(change.id, { value: change.value, big: change.big === undefined ? (before?.big ?? null) : change.big });
      return;
    }
    case 'delete':
      rows.delete(change.id);
      return;
    case 'truncate':
      rows.clear();
      return;
    default:
  }
}

/** What a mirror does with a record. */
export function toChange(record: JournalRecord): SimulatedChange {
  switch (record.kind) {
    case 'insert': {
      const [id, value, big] = record.after;
      return { kind: 'insert', id: text(id), row: { value: text(value), big: valueOf(big) ?? null } };
    }
    case 'update': {
      const [id, value, big] = record.after;
      const formerId = record.before === undefined ? undefined : text(record.before[0]);
      return { kind: 'update', id: text(id), formerId, value: text(value), big: valueOf(big) };
    }
    case 'delete':
      return { kind: 'delete', id: text(record.before[0]) };
    case 'truncate':
      return { kind: 'truncate' };
    case 'event': {
      const { id, key, payload } = record.event;
      return { kind: 'event', id, key: key ?? '', text: Buffer.from(payload).toString() };
    }
    case 'read':
      throw new Error('the simulated source has no snapshot');
    default:
      return unreachable(record);
  }
}

/** The content of the logical message of an event. */
export function encodeEvent(event: Extract<SimulatedChange, { kind: 'event' }>): Buffer {
  return Buffer.from(
    encodeEventEnvelope({
      id: event.id,
      type: 'thing.happened',
      schemaVersion: 1,
      key: event.key,
      source: 'simulator',
      occurredAt: toInstant(1_767_225_600_000),
      contentType: 'text/plain',
      payload: Buffer.from(event.text),
      headers: {},
      origin: 'message',
    }),
  );
}

function text(value: ColumnValue | undefined): string {
  return typeof value === 'string' ? value : String(value);
}

function valueOf(value: ColumnValue | undefined): string | null | undefined {
  return value === unchanged ? undefined : value;
}

function show(value: string | null | undefined): string {
  if (value === undefined) return '=';
  return value === null ? 'null' : `${value.slice(0, 12)}*${value.length}`;
}
