import type { DomainEvent } from './domain-event.ts';

/** An event without its payload and origin, with the time as text: the head of a message and the columns of the outbox. */
export type EventFields = Omit<DomainEvent, 'payload' | 'origin' | 'occurredAt'> & {
  /** RFC 3339 in UTC with milliseconds: `2026-11-21T07:15:24.123Z`. */
  readonly occurredAt: string;
};

/** Why a value is no version 1 envelope: the path of the first fault and what is wrong, without the value itself. */
export interface EventFieldFault {
  readonly path: string;
  readonly reason: string;
}

/** The outcome of a check. */
export type ParsedEventFields =
  | { readonly kind: 'fields'; readonly fields: EventFields }
  | { readonly kind: 'fault'; readonly fault: EventFieldFault };

type FieldCheck = (value: unknown) => string | undefined;

const schemaVersionMax = 2_147_483_647;

/** One entry for each property of `docs/reference/event-envelope-1.schema.json`; a test holds the two together. */
const requiredFields: Readonly<Record<string, FieldCheck>> = {
  id: checkPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'a UUID in lower case'),
  type: checkText({ lengthMin: 1, lengthMax: 255 }),
  schemaVersion: checkSchemaVersion,
  key: checkKey,
  source: checkText({ lengthMin: 1, lengthMax: 63 }),
  occurredAt: checkInstantText,
  headers: checkHeaders,
  contentType: checkText({ lengthMin: 1, lengthMax: 255 }),
};

const optionalFields: Readonly<Record<string, FieldCheck>> = {
  keyVersion: checkText({ lengthMin: 1, lengthMax: 255 }),
  tenant: checkText({ lengthMin: 1, lengthMax: 255 }),
  traceparent: checkPattern(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'a W3C traceparent in lower case'),
  correlationId: checkText({ lengthMin: 1, lengthMax: 255 }),
  causationId: checkText({ lengthMin: 1, lengthMax: 255 }),
};

const requiredEntries = Object.entries(requiredFields);

/** Checks an untrusted value against envelope version 1. Unknown fields are a fault: a new field is a new version. */
export function parseEventFields(value: unknown): ParsedEventFields {
  const faults: EventFieldFault[] = [];
  if (isEventFields(value, faults)) return { kind: 'fields', fields: value };
  return { kind: 'fault', fault: faults[0] ?? { path: '', reason: 'is no event' } };
}

function isEventFields(value: unknown, faults: EventFieldFault[]): value is EventFields {
  const fault = findFault(value);
  if (fault !== undefined) faults.push(fault);
  return fault === undefined;
}

function findFault(value: unknown): EventFieldFault | undefined {
  if (!isPlainObject(value)) return { path: '', reason: 'is not an object' };
  for (const [name, check] of requiredEntries) {
    if (!Object.hasOwn(value, name)) return { path: name, reason: 'is missing' };
    const reason = check(value[name]);
    if (reason !== undefined) return { path: name, reason };
  }
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(requiredFields, name)) continue;
    const check = Object.hasOwn(optionalFields, name) ? optionalFields[name] : undefined;
    if (check === undefined) return { path: name.slice(0, 64), reason: 'is no field of version 1' };
    const reason = check(value[name]);
    if (reason !== undefined) return { path: name, reason };
  }
  return undefined;
}

function checkText(limits: { readonly lengthMin: number; readonly lengthMax: number }): FieldCheck {
  return (value) => {
    if (typeof value !== 'string') return 'is not a text';
    const length = countCharacters(value, limits.lengthMax);
    if (length < limits.lengthMin) return 'is empty';
    if (length > limits.lengthMax) return `has more than ${limits.lengthMax} characters`;
    if (value.includes('\0')) return 'holds a NUL character';
    return value.isWellFormed() ? undefined : 'holds a lone surrogate';
  };
}

/** Characters are code points, as PostgreSQL and JSON Schema count them. */
function countCharacters(value: string, enough: number): number {
  return value.length <= enough ? value.length : Array.from(value.slice(0, 2 * enough + 2)).length;
}

function checkPattern(pattern: RegExp, description: string): FieldCheck {
  return (value) => (typeof value === 'string' && pattern.test(value) ? undefined : `is not ${description}`);
}

const checkKeyText = checkText({ lengthMin: 1, lengthMax: 1024 });

function checkKey(value: unknown): string | undefined {
  return value === null ? undefined : checkKeyText(value);
}

function checkSchemaVersion(value: unknown): string | undefined {
  const isVersion = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= schemaVersionMax;
  return isVersion ? undefined : `is not a whole number from 1 to ${schemaVersionMax}`;
}

function checkInstantText(value: unknown): string | undefined {
  const reason = 'is not an instant of the form 2026-11-21T07:15:24.123Z';
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return reason;
  const milliseconds = Date.parse(value);
  // Date.parse rolls 30 February over into March; only the written day comes back as it was.
  return Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== value ? reason : undefined;
}

const checkHeaderName = checkText({ lengthMin: 1, lengthMax: 255 });
/** Names and values together are bounded by the size of the head. */
const checkHeaderValue = checkText({ lengthMin: 0, lengthMax: Number.MAX_SAFE_INTEGER });

function checkHeaders(value: unknown): string | undefined {
  if (!isPlainObject(value)) return 'is not an object';
  for (const [name, headerValue] of Object.entries(value)) {
    const nameFault = checkHeaderName(name);
    if (nameFault !== undefined) return `has a name that ${nameFault}`;
    const valueFault = checkHeaderValue(headerValue);
    if (valueFault !== undefined) return `has a value that ${valueFault}, at "${name}"`;
  }
  return undefined;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
