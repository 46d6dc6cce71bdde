import { HeadwaterError } from '../../../foundation/error.ts';
import { type ColumnValue, unchanged } from '../../../model/row.ts';
import type { OutboundRecord } from '../../sink.ts';

/** The value of a field: of a column, or of a member of what the lane's map returned. */
export type FieldValue = ColumnValue | Uint8Array;

/** A field of a value. */
export interface Field {
  readonly name: string;
  readonly value: FieldValue;
}

/** Names and values, as many of both: many rows share the names of their table. */
export interface FieldList {
  readonly names: readonly string[];
  readonly values: readonly FieldValue[];
}

/** What is stored under a key. */
export type Content =
  | { readonly kind: 'text'; readonly text: string | Uint8Array }
  | { readonly kind: 'fields'; readonly fields: FieldList };

/** What is to become of a key. `outbound` is the record whose position the key carries from then on. */
export type KeyOperation =
  | { readonly kind: 'put'; readonly key: string; readonly content: Content; readonly outbound: OutboundRecord }
  /** The unchanged fields are those that the key `from` holds before the batch. */
  | {
      readonly kind: 'patch';
      readonly key: string;
      readonly from: string;
      readonly fields: FieldList;
      readonly outbound: OutboundRecord;
    }
  | { readonly kind: 'remove'; readonly key: string; readonly outbound: OutboundRecord };

/**
 * Folds the operations of a batch, in order, into one for each key, so that each of them can be checked against the state
 * before the batch. Pure.
 * @throws HW-SINK-024 for a patch of a row that the batch itself removed.
 */
export function foldKeyOperations(operations: readonly KeyOperation[]): readonly KeyOperation[] {
  const folded = new Map<string, KeyOperation>();
  for (const operation of operations) {
    const next = operation.kind === 'patch' ? resolvePatch(operation, folded.get(operation.from)) : operation;
    // Later keys come later: what is read of a batch in order is the order of its records.
    folded.delete(next.key);
    folded.set(next.key, next);
  }
  return [...folded.values()];
}

type Patch = KeyOperation & { readonly kind: 'patch' };

function resolvePatch(patch: Patch, source: KeyOperation | undefined): KeyOperation {
  if (source === undefined) return patch;
  const known = source.kind === 'patch' ? source.fields : source.kind === 'put' ? fieldsOf(source.content) : undefined;
  if (known === undefined) throw missingRow(patch.outbound);
  const stored = new Map<string, FieldValue | undefined>(known.names.map((name, index) => [name, known.values[index]]));
  const { names } = patch.fields;
  const values = patch.fields.values.map((value, index): FieldValue => {
    if (value !== unchanged) return value;
    const kept = stored.get(names[index] ?? '');
    if (kept === undefined) throw missingRow(patch.outbound);
    return kept;
  });
  const { key, outbound } = patch;
  const fields = { names, values };
  if (!hasUnchanged(fields)) return { kind: 'put', key, content: { kind: 'fields', fields }, outbound };
  // Only a patch leaves something unknown.
  return { kind: 'patch', key, from: source.kind === 'patch' ? source.from : patch.from, fields, outbound };
}

function fieldsOf(content: Content): FieldList | undefined {
  return content.kind === 'fields' ? content.fields : undefined;
}

/** Whether a value must be taken from what is stored. */
export function hasUnchanged({ values }: FieldList): boolean {
  return values.includes(unchanged);
}

/** Fields that came one by one. */
export function toFieldList(fields: readonly Field[]): FieldList {
  return { names: fields.map(({ name }) => name), values: fields.map(({ value }) => value) };
}

/** The error for a row whose untouched values are nowhere. */
export function missingRow({ id }: OutboundRecord): HeadwaterError {
  const message = `record ${id} leaves values as they were, and Redis does not hold them`;
  return new HeadwaterError('HW-SINK-024', message, { details: { record: id } });
}
