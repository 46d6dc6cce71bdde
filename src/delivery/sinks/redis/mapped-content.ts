import { HeadwaterError } from '../../../foundation/error.ts';
import { unchanged } from '../../../model/row.ts';
import type { OutboundRecord } from '../../sink.ts';
import { type Content, type Field, type FieldList, toFieldList } from './key-operation.ts';

/**
 * What the lane's map made of a record, as it is stored; null: the key goes. A member that is the mark `unchanged` keeps the
 * stored one.
 * @throws HW-REDIS-012 for what the form has no place for.
 */
export function encodeMappedContent(outbound: OutboundRecord, form: 'hash' | 'json'): Content | null {
  const { value } = outbound;
  if (value === null) return null;
  if (form === 'hash') return { kind: 'fields', fields: toFields(outbound) };
  if (typeof value === 'string' || value instanceof Uint8Array) return { kind: 'text', text: value };
  if (isObject(value) && Object.values(value).includes(unchanged)) {
    const fields = toFields(outbound);
    if (Object.values(value).every((member) => member === null || member === unchanged || typeof member === 'string'))
      return { kind: 'fields', fields };
    throw unfit(outbound, 'beside `unchanged` only texts and nulls can be kept');
  }
  return { kind: 'text', text: encodeJson(outbound) };
}

/** A value as JSON text. @throws HW-REDIS-012 for what JSON cannot hold */
export function encodeJson(outbound: OutboundRecord): string {
  const { value } = outbound;
  if (value instanceof Promise) throw unfit(outbound, 'it is a promise');
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_, member: unknown) => {
      // JSON would leave such a member out without a word.
      if (typeof member === 'symbol' || typeof member === 'function')
        throw unfit(outbound, `it holds a ${typeof member}`);
      return member;
    });
  } catch (thrown) {
    if (thrown instanceof HeadwaterError) throw thrown;
    throw unfit(outbound, 'JSON cannot hold it', thrown);
  }
  if (text === undefined) throw unfit(outbound, 'JSON cannot hold it');
  return text;
}

function toFields(outbound: OutboundRecord): FieldList {
  const { value } = outbound;
  if (!isObject(value)) throw unfit(outbound, 'a hash is made of an object');
  const fields = Object.entries(value).map(([name, member]: [string, unknown]): Field => {
    if (member === null || member === unchanged || typeof member === 'string') return { name, value: member };
    const isNumber = typeof member === 'bigint' || (typeof member === 'number' && Number.isFinite(member));
    if (isNumber || typeof member === 'boolean') return { name, value: String(member) };
    throw unfit(outbound, `its member ${name} is no text, number or null`);
  });
  return toFieldList(fields);
}

/** A plain one: what has a form of its own, as a Date or a Promise, would be stored as nothing. */
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function unfit({ id }: OutboundRecord, reason: string, cause?: unknown): HeadwaterError {
  const message = `the lane's map returned for record ${id} something that cannot be stored: ${reason}`;
  return new HeadwaterError('HW-REDIS-012', message, { cause, details: { record: id } });
}
