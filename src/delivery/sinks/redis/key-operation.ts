import { HeadwaterError } from '../../../foundation/error.ts';
import { type ColumnValue, unchanged } from '../../../model/row.ts';
import type { OutboundRecord } from '../../sink.ts';

/** A field of a value: a column, or a member of what the lane's map returned. */
export interface Field {
  readonly name: string;
  readonly value: ColumnValue | Uint8Array;
}

/** What is stored under a key. */
export type Content =
  | { readonly kind: 'text'; readonly text: string | Uint8Array }
  | { readonly kind: 'fields'; readonly fields: readonly Field[] };

/** What is to become of a key. `outbound` is the record whose position the key carries from then on. */
export type KeyOperation =
  | { readonly kind: 'put'; readonly key: string; readonly content: Content; readonly outbound: OutboundRecord }
  /** The unchanged fields are those that the key `from` holds before the batch. */
  | {
      readonly kind: 'patch';
      readonly key: string;
      readonly from: string;
      readonly fields: readonly Field[];
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
  const values = new Map<string, Field['value']>(known.map(({ name, value }) => [name, value]));
  const fields = patch.fields.map((field): Field => {
    if (field.value !== unchanged) return field;
    const value = values.get(field.name);
    if (value === undefined) throw missingRow(patch.outbound);
    return { name: field.name, value };
  });
  const { key, outbound } = patch;
  if (!hasUnchanged(fields)) return { kind: 'put', key, content: { kind: 'fields', fields }, outbound };
  // Only a patch leaves something unknown.
  return { kind: 'patch', key, from: source.kind === 'patch' ? source.from : patch.from, fields, outbound };
}

function fieldsOf(content: Content): readonly Field[] | undefined {
  return content.kind === 'fields' ? content.fields : undefined;
}

/** Whether a value must be taken from what is stored. */
export function hasUnchanged(fields: readonly Field[]): boolean {
  return fields.some(({ value }) => value === unchanged);
}

/** The error for a row whose untouched values are nowhere. */
export function missingRow({ id }: OutboundRecord): HeadwaterError {
  const message = `record ${id} leaves values as they were, and Redis does not hold them`;
  return new HeadwaterError('HW-SINK-024', message, { details: { record: id } });
}
