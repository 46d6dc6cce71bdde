import { type Clock, systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { type Random, systemRandom } from '../foundation/random.ts';
import { createUuidV7 } from '../foundation/uuid.ts';
import type { DomainEvent } from '../model/domain-event.ts';
import {
  assertEventFields,
  encodeEventEnvelope,
  eventEnvelopeVersion,
  eventMessagePrefix,
} from '../model/event-envelope.ts';
import { recognizeTransactionHandle } from '../postgres/recognize-transaction.ts';
import type { TransactionHandle, TransactionLike } from '../postgres/transaction-handle.ts';
import { emitMessageStatement, emitOutboxStatement } from './emit.sql.ts';
import { type EventContext, eventContextOf } from './event-context.ts';
import { encodePayload, validatePayload } from './event-payload.ts';
import { type EventDefinition, type EventInput, isEventDefinition } from './events.ts';
import { createEventWriter, type EventWriter } from './event-writer.ts';

/**
 * `message`: a transactional logical message; no table, nothing to clean up, the WAL is the only copy until the journal has it.
 * `outbox`: a row of the outbox table, which stays until it is deleted.
 */
export type EmitMode = 'message' | 'outbox';

/** What belongs to one event besides its payload. */
export interface EmitOptions {
  /** Events of one key are delivered in commit order. Null: no order is promised. */
  readonly key: string | null;
  /** The writer's own version of what the key names. */
  readonly keyVersion?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tenant?: string | undefined;
  /** Default: that of the request or message whose transaction it is, where Headwater began that. `causationId` likewise. */
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  /** W3C trace context. Default: what the emitter's `traceparent` gives, then that of the request or message. */
  readonly traceparent?: string | undefined;
  /** A UUID in lower case. Default: a new version 7. */
  readonly id?: string | undefined;
  /** Default: the emitter's. */
  readonly mode?: EmitMode | undefined;
}

/** What `emit` gives back. The event exists from the commit of its transaction on, and not before. */
export interface EmittedEvent {
  readonly id: string;
}

/**
 * Writes an event into the caller's own open transaction, with one statement on its connection (two, where the client cannot
 * tell and the event is the first that the transaction writes). Commits, retries and starts nothing.
 *
 * Whatever is refused by a code below has written nothing. Errors of the database that have no code of their own are the
 * driver's, with its SQLSTATE in `code`; as after any error, the transaction has failed then.
 * @throws HW-EMIT-001…015
 */
export type Emit = <Definition extends EventDefinition>(
  tx: TransactionLike,
  event: Definition,
  payload: EventInput<Definition>,
  options: EmitOptions,
) => Promise<EmittedEvent>;

/** How an emitter writes. Every field has a default. */
export interface EmitterOptions {
  /** Name of the installation, the `source` of its events. Default `main`. */
  readonly installation?: string;
  /** Default `message`. */
  readonly mode?: EmitMode;
  /** Schema of the outbox table. Default `headwater`. */
  readonly schemaName?: string;
  /** Default 1 MiB: what brokers take without being told otherwise. */
  readonly payloadBytesMax?: number;
  /** The trace context of the code that runs, asked at each event. */
  readonly traceparent?: () => string | undefined;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Default of `payloadBytesMax`. */
export const payloadBytesMaxDefault = 1_048_576;

interface EmitterSettings {
  readonly installation: string;
  readonly mode: EmitMode;
  readonly payloadBytesMax: number;
  readonly traceparent: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly outboxStatement: string;
  readonly writer: EventWriter;
}

/** Makes an `emit` of its own settings. Reads nothing and starts nothing. */
export function createEmitter(options: EmitterOptions = {}): Emit {
  const settings: EmitterSettings = {
    installation: options.installation ?? 'main',
    mode: options.mode ?? 'message',
    payloadBytesMax: options.payloadBytesMax ?? payloadBytesMaxDefault,
    traceparent: options.traceparent ?? (() => undefined),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    outboxStatement: emitOutboxStatement(options.schemaName ?? 'headwater'),
    writer: createEventWriter(),
  };
  return (tx, event, payload, emitOptions) => emitWith(settings, { tx, event, payload, options: emitOptions });
}

/** Emits with every default: logical messages of the installation `main`. */
export const emit: Emit = createEmitter();

interface EmitCall {
  readonly tx: unknown;
  readonly event: unknown;
  readonly payload: unknown;
  readonly options: EmitOptions;
}

/** Waits for nothing before the statement unless the schema does: an `emit` without `await` still precedes the commit. */
async function emitWith(settings: EmitterSettings, call: EmitCall): Promise<EmittedEvent> {
  const handle = assertTransaction(call.tx);
  const definition = assertDefinition(call.event);
  const validated = validatePayload(definition, call.payload);
  const value: unknown = validated instanceof Promise ? await validated : validated;
  const context = eventContextOf(handle);
  const event = createEvent(settings, call.options, { definition, payload: encodePayload(definition, value), context });
  const mode = call.options.mode ?? settings.mode;
  const statement =
    mode === 'message'
      ? { text: emitMessageStatement, parameters: [eventMessagePrefix, encodeEventEnvelope(event)] }
      : { text: settings.outboxStatement, parameters: toOutboxParameters(event) };
  await settings.writer.write({ handle, mode, ...statement });
  return { id: event.id };
}

function assertTransaction(tx: unknown): TransactionHandle {
  const handle = recognizeTransactionHandle(tx);
  if (handle === undefined) {
    throw new HeadwaterError('HW-EMIT-006', `emit cannot write through this object (${nameClass(tx)})`);
  }
  if (handle.isRoot) {
    throw new HeadwaterError('HW-EMIT-001', `emit was given ${rootNames[handle.kind]} instead of a transaction`, {
      details: { kind: handle.kind },
    });
  }
  return handle;
}

const rootNames: Readonly<Record<TransactionHandle['kind'], string>> = {
  pg: 'a Pool of pg',
  drizzle: "Drizzle's database object",
  kysely: 'the Kysely object itself',
};

function nameClass(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return value.constructor?.name ?? 'object';
}

function assertDefinition(event: unknown): EventDefinition {
  if (isEventDefinition(event)) return event;
  const name = typeof event === 'string' ? `"${event.slice(0, 80)}"` : nameClass(event);
  throw new HeadwaterError('HW-EMIT-007', `emit was given ${name} instead of an event of a catalogue`);
}

interface TypedPayload {
  readonly definition: EventDefinition;
  readonly payload: Uint8Array;
  readonly context: EventContext;
}

function createEvent(
  settings: EmitterSettings,
  options: EmitOptions,
  { definition, payload, context }: TypedPayload,
): DomainEvent {
  if (payload.length > settings.payloadBytesMax) {
    const message = `the payload of "${definition.type}" has ${payload.length} bytes, the limit is ${settings.payloadBytesMax}`;
    throw new HeadwaterError('HW-EMIT-010', message, {
      details: { event: definition.type, payloadBytes: payload.length, limitBytes: settings.payloadBytesMax },
    });
  }
  const now = settings.clock.now();
  const traceparent = options.traceparent ?? settings.traceparent() ?? context.traceparent;
  const correlationId = options.correlationId ?? context.correlationId;
  const causationId = options.causationId ?? context.causationId;
  return {
    id: options.id ?? createUuidV7(now, settings.random),
    type: definition.type,
    schemaVersion: definition.schemaVersion,
    key: options.key,
    source: settings.installation,
    occurredAt: now,
    contentType: definition.contentType,
    payload,
    headers: options.headers ?? {},
    ...(options.keyVersion === undefined ? {} : { keyVersion: options.keyVersion }),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(causationId === undefined ? {} : { causationId }),
    origin: 'message',
  };
}

/** In the order of `outboxColumns`. */
function toOutboxParameters(event: DomainEvent): readonly (string | null | Uint8Array)[] {
  const fields = assertEventFields(event);
  return [
    fields.id,
    String(eventEnvelopeVersion),
    fields.type,
    String(fields.schemaVersion),
    fields.key,
    fields.keyVersion ?? null,
    fields.tenant ?? null,
    fields.source,
    fields.occurredAt,
    fields.traceparent ?? null,
    fields.correlationId ?? null,
    fields.causationId ?? null,
    JSON.stringify(fields.headers),
    fields.contentType,
    event.payload,
  ];
}
