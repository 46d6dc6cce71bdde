import { HeadwaterError } from '../../foundation/error.ts';
import { isJsonType } from './content-type.ts';
import type { EventDefinition } from './events.ts';
import { formatIssuePath, type SchemaResult } from './event-schema.ts';

const encoder = new TextEncoder();

/**
 * The value that the event's schema makes of `payload`. Waits only when the schema does, so that nothing comes between an
 * `emit` and the statement behind it.
 * @throws HW-EMIT-008 with the paths of what is wrong, without the values.
 */
export function validatePayload(definition: EventDefinition, payload: unknown): unknown {
  const result = definition.schema['~standard'].validate(payload);
  if (!(result instanceof Promise)) return takeValue(definition, result);
  return result.then((settled) => takeValue(definition, settled));
}

function takeValue(definition: EventDefinition, result: SchemaResult<unknown>): unknown {
  if (result.issues === undefined) return result.value;
  const paths = [...new Set(result.issues.map(formatIssuePath))].slice(0, 20).join(', ');
  throw new HeadwaterError('HW-EMIT-008', `the payload of "${definition.type}" does not fit its schema at: ${paths}`, {
    details: { event: definition.type, paths, issues: result.issues.length },
  });
}

/**
 * The bytes of a payload in the content type of its event. Bytes stay as they are; JSON is compact and refuses what it would
 * lose; any other content type takes text as UTF-8.
 * @throws HW-EMIT-009
 */
export function encodePayload(definition: EventDefinition, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (isJsonType(definition.contentType)) return encoder.encode(writeJson(definition, value));
  if (typeof value === 'string' && value.isWellFormed()) return encoder.encode(value);
  throw unwritable(definition, '(whole)', `${nameKind(value)} is neither bytes nor well-formed text`);
}

function writeJson(definition: EventDefinition, value: unknown): string {
  const paths = new WeakMap<object, string>();
  function check(this: unknown, key: string, current: unknown): unknown {
    const parent = typeof this === 'object' && this !== null ? paths.get(this) : undefined;
    const path = parent === undefined || parent === '' ? key : `${parent}.${key}`;
    if (typeof current === 'object' && current !== null) paths.set(current, path);
    const isLost = current === undefined ? Array.isArray(this) || path === '' : isLostInJson(current);
    if (isLost) throw unwritable(definition, path === '' ? '(whole)' : path, `JSON has no ${nameKind(current)}`);
    return current;
  }
  try {
    return JSON.stringify(value, check);
  } catch (thrown) {
    if (thrown instanceof HeadwaterError) throw thrown;
    // What `toJSON` of a payload throws may quote the payload, so it does not become the cause.
    throw unwritable(definition, '(whole)', 'it refers to itself, or its toJSON failed');
  }
}

/** What JSON.stringify would drop, turn into null or write as an empty object. */
function isLostInJson(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return !Number.isFinite(value);
    case 'bigint':
    case 'function':
    case 'symbol':
      return true;
    case 'object':
      return value !== null && !Array.isArray(value) && Object.prototype.toString.call(value) !== '[object Object]';
    default:
      return false;
  }
}

function nameKind(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? 'number' : String(value);
  return typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value).slice(8, -1)
    : typeof value;
}

function unwritable(definition: EventDefinition, path: string, reason: string): HeadwaterError {
  const message = `the payload of "${definition.type}" cannot be written as ${definition.contentType}, at ${path}: ${reason}`;
  return new HeadwaterError('HW-EMIT-009', message, { details: { event: definition.type, path } });
}
