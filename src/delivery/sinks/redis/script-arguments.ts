import { unchanged } from '../../../model/row.ts';
import type { OutboundRecord, SinkContext } from '../../sink.ts';
import { type Field, foldKeyOperations, type KeyOperation } from './key-operation.ts';
import { planKeyOperations } from './plan-key-operations.ts';
import { encodeRecordPosition, encodeStreamId } from './record-position.ts';
import type { KeyLayout, StreamLayout } from './redis-options.ts';
import { planStreamEntries } from './stream-entry.ts';

/** A text or bytes, as they go to the server. */
export type Argument = string | Uint8Array;

/** The operations of a batch as the script takes them. */
export interface ScriptOperations {
  readonly keys: readonly string[];
  readonly arguments: readonly Argument[];
  /** The record of each operation. */
  readonly records: readonly OutboundRecord[];
}

/** What is beside a key: its own position, and for a stream the journal that it is fed from. */
export interface CarrierFacts {
  readonly journalId: string;
  readonly positionPrefix: string;
  readonly lacksRows: SinkContext['lacksRows'];
}

/** What the write script is to do for records, in order. Pure. @throws HW-REDIS-011, 012, 013, HW-SINK-024 */
export function planScript(
  records: readonly OutboundRecord[],
  layout: KeyLayout | StreamLayout,
  { journalId, lacksRows, positionPrefix }: CarrierFacts,
): ScriptOperations {
  const plan = { keys: [] as string[], arguments: [] as Argument[], records: [] as OutboundRecord[] };
  if (layout.form === 'stream') {
    for (const outbound of records) {
      for (const { fields, stream } of planStreamEntries(outbound, layout.stream)) {
        const parts = encodePairs(fields);
        plan.records.push(outbound);
        plan.keys.push(stream, `${positionPrefix}stream:${stream}`);
        plan.arguments.push(
          'A',
          encodeStreamId(outbound.header, outbound.record.ordinal),
          String(parts.length),
          ...parts,
        );
      }
    }
    return plan;
  }
  for (const operation of foldKeyOperations(records.flatMap((record) => planKeyOperations(record, layout)))) {
    const { key, outbound } = operation;
    plan.records.push(outbound);
    plan.keys.push(key, `${positionPrefix}position:${key}`);
    if (operation.kind === 'patch') plan.keys.push(operation.from);
    plan.arguments.push(
      isAwaited(operation, lacksRows) ? 'W' : letters[operation.kind],
      encodeRecordPosition(journalId, outbound.header, outbound.record.ordinal),
    );
    for (const argument of encodeOperation(operation, layout.form)) plan.arguments.push(argument);
  }
  return plan;
}

/** Whether a copy to come brings the row, so that a change of it may find none. */
function isAwaited({ kind, outbound }: KeyOperation, lacksRows: CarrierFacts['lacksRows']): boolean {
  const { header, record } = outbound;
  if (kind !== 'patch' || record.kind === 'event' || record.kind === 'truncate') return false;
  return lacksRows?.(record.table, header) ?? false;
}

const letters = { put: 'P', patch: 'U', remove: 'R' } as const;

function encodeOperation(operation: KeyOperation, form: KeyLayout['form']): readonly Argument[] {
  if (operation.kind === 'remove') return [];
  if (operation.kind === 'patch') {
    const { fields } = operation;
    const encode = form === 'hash' ? encodeHashPatch : encodeTextPatch;
    return [form === 'hash' ? 'h' : 's', String(fields.length), ...fields.flatMap(encode)];
  }
  const { content } = operation;
  if (content.kind === 'text') return ['s', '1', content.text];
  if (form === 'json') return ['s', '1', encodeText(content.fields)];
  const parts = encodePairs(content.fields);
  return ['h', String(parts.length), ...parts];
}

/** Name and value in turn. A null has no place in a hash: its field is missing. */
function encodePairs(fields: readonly Field[]): readonly Argument[] {
  return fields.flatMap(({ name, value }) => (value === null || value === unchanged ? [] : [name, value]));
}

function encodeText(fields: readonly Field[]): string {
  return `{${fields.map((field) => encodeMember(field)).join(',')}}`;
}

/** A member of an object; of one that is unchanged, what stands before its value. */
function encodeMember({ name, value }: Field): string {
  const head = `${JSON.stringify(name)}:`;
  if (value === unchanged) return head;
  return head + JSON.stringify(value instanceof Uint8Array ? new TextDecoder().decode(value) : value);
}

function encodeHashPatch({ name, value }: Field): readonly Argument[] {
  if (value === unchanged) return [name, 'U', ''];
  return value === null ? [name, 'N', ''] : [name, '=', value];
}

function encodeTextPatch(field: Field): readonly Argument[] {
  return [field.name, field.value === unchanged ? 'U' : '=', encodeMember(field)];
}
