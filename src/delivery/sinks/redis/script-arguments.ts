import { unchanged } from '../../../model/row.ts';
import type { OutboundRecord, SinkContext } from '../../sink.ts';
import { type Field, type FieldList, foldKeyOperations, type KeyOperation } from './key-operation.ts';
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
  facts: CarrierFacts,
): ScriptOperations {
  return layout.form === 'stream' ? planEntries(records, layout, facts) : planKeys(records, layout, facts);
}

function planEntries(
  records: readonly OutboundRecord[],
  layout: StreamLayout,
  { positionPrefix }: CarrierFacts,
): ScriptOperations {
  const plan = { keys: [] as string[], arguments: [] as Argument[], records: [] as OutboundRecord[] };
  for (const outbound of records) {
    for (const { fields, stream } of planStreamEntries(outbound, layout.stream)) {
      const parts = encodePairs(fields);
      plan.records.push(outbound);
      plan.keys.push(stream, `${positionPrefix}stream:${stream}`);
      plan.arguments.push(encodeStreamId(outbound.header, outbound.record.ordinal), String(parts.length), ...parts);
    }
  }
  return plan;
}

/** Name and value in turn. A null has no place in an entry: its field is missing. */
function encodePairs(fields: readonly Field[]): readonly Argument[] {
  return fields.flatMap(({ name, value }) => (value === null || value === unchanged ? [] : [name, value]));
}

function planKeys(
  records: readonly OutboundRecord[],
  layout: KeyLayout,
  { journalId, lacksRows, positionPrefix }: CarrierFacts,
): ScriptOperations {
  const operations = foldKeyOperations(records.flatMap((record) => planKeyOperations(record, layout)));
  const writer = new OperationWriter(layout.form);
  for (const operation of operations) {
    const { header, record } = operation.outbound;
    writer.write(operation, {
      position: encodeRecordPosition(journalId, header, record.ordinal),
      isAwaited: isAwaited(operation, lacksRows),
    });
  }
  return {
    keys: [
      ...operations.map(({ key }) => key),
      ...operations.map(({ key }) => `${positionPrefix}position:${key}`),
      ...operations.flatMap((operation) => (operation.kind === 'patch' ? [operation.from] : [])),
    ],
    arguments: [String(operations.length), ...writer.words],
    records: operations.map(({ outbound }) => outbound),
  };
}

/** Whether a copy to come brings the row, so that a change of it may find none. */
function isAwaited({ kind, outbound }: KeyOperation, lacksRows: CarrierFacts['lacksRows']): boolean {
  const { header, record } = outbound;
  if (kind !== 'patch' || record.kind === 'event' || record.kind === 'truncate') return false;
  return lacksRows?.(record.table, header) ?? false;
}

/** The words of operations one behind the other. The names of a hash are said once for all that have the same. */
class OperationWriter {
  readonly words: Argument[] = [];
  readonly #form: KeyLayout['form'];
  #names: readonly string[] | undefined;

  constructor(form: KeyLayout['form']) {
    this.#form = form;
  }

  write(operation: KeyOperation, { isAwaited: mayBeMissing, position }: OperationFacts): void {
    switch (operation.kind) {
      case 'remove':
        this.words.push('R', position);
        break;
      case 'patch':
        this.words.push(mayBeMissing ? 'W' : 'U', position);
        this.#writePatch(operation.fields);
        break;
      case 'put': {
        const { content } = operation;
        if (content.kind === 'text') this.words.push('S', position, content.text);
        else if (this.#form === 'json') this.words.push('S', position, encodeText(content.fields));
        else this.#writeHash(position, withoutNulls(content.fields));
      }
    }
  }

  #writeHash(position: string, { names, values }: FieldList): void {
    if (this.#names === undefined || !isSame(this.#names, names)) {
      this.words.push('N', String(names.length), ...names);
      this.#names = names;
    }
    this.words.push('H', position);
    for (const value of values) this.words.push(toWord(value));
  }

  #writePatch({ names, values }: FieldList): void {
    this.words.push(this.#form === 'hash' ? 'h' : 's', String(names.length));
    for (const [index, name] of names.entries()) {
      const value = values[index] ?? null;
      if (this.#form === 'json') this.words.push(name, value === unchanged ? 'U' : '=', encodeMember(name, value));
      else if (value === unchanged) this.words.push(name, 'U', '');
      else this.words.push(name, value === null ? 'N' : '=', toWord(value));
    }
  }
}

interface OperationFacts {
  readonly position: string;
  readonly isAwaited: boolean;
}

/** A null has no place in a hash: its field is missing. */
function withoutNulls(fields: FieldList): FieldList {
  if (!fields.values.includes(null)) return fields;
  const isThere = (index: number): boolean => fields.values[index] !== null;
  return {
    names: fields.names.filter((_, index) => isThere(index)),
    values: fields.values.filter((_, index) => isThere(index)),
  };
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  if (left === right) return true;
  return left.length === right.length && left.every((name, index) => name === right[index]);
}

/** Of a value that is known: nothing unchanged is left in a whole row. */
function toWord(value: FieldList['values'][number]): Argument {
  return value === null || value === unchanged ? '' : value;
}

function encodeText({ names, values }: FieldList): string {
  return `{${names.map((name, index) => encodeMember(name, values[index] ?? null)).join(',')}}`;
}

/** A member of an object; of one that is unchanged, what stands before its value. */
function encodeMember(name: string, value: FieldList['values'][number]): string {
  const head = `${JSON.stringify(name)}:`;
  if (value === unchanged) return head;
  return head + JSON.stringify(value instanceof Uint8Array ? new TextDecoder().decode(value) : value);
}
