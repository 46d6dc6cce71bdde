import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Random, systemRandom } from '../../foundation/random.ts';
import { createUuidV7 } from '../../foundation/uuid.ts';
import type { DomainEvent } from '../../model/domain-event.ts';
import {
  assertEventFields,
  encodeEventEnvelope,
  eventEnvelopeVersion,
  eventMessagePrefix,
} from '../../model/event-envelope.ts';
import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import type { TransactionHandle, TransactionLike } from '../../postgres/transaction-handle.ts';
import { emitMessageStatements } from './emit.sql.ts';
import { type EventContext, eventContextOf } from './event-context.ts';
import { encodePayload, validatePayload } from './event-payload.ts';
import { type EventDefinition, type EventInput, isEventDefinition } from './events.ts';
import { createEventWriter, type EventWriter } from './event-writer.ts';
import { OutboxStatements } from './outbox-statements.ts';
import { watchTransactionOf } from '../guard/watched-unit.ts';

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

interface EventSettings {
  readonly installation: string;
  readonly mode: EmitMode;
  readonly payloadBytesMax: number;
  readonly traceparent: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

interface EmitterSettings extends EventSettings {
  readonly outbox: OutboxStatements;
  readonly writer: EventWriter;
}

function resolveSettings(options: EmitterOptions): EventSettings {
  return {
    installation: options.installation ?? 'main',
    mode: options.mode ?? 'message',
    payloadBytesMax: options.payloadBytesMax ?? payloadBytesMaxDefault,
    traceparent: options.traceparent ?? (() => undefined),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}

/** Makes an `emit` of its own settings. Reads nothing and starts nothing. */
export function createEmitter(options: EmitterOptions = {}): Emit {
  const settings = {
    ...resolveSettings(options),
    outbox: new OutboxStatements(options.schemaName ?? 'headwater'),
    writer: createEventWriter(),
  };
  return (tx, event, payload, emitOptions) => emitWith(settings, { tx, event, payload, options: emitOptions });
}

/** An event that was checked and is not written yet. */
export interface PreparedEvent {
  readonly id: string;
  readonly mode: EmitMode;
  /** What is written: the content of the message, or one value for each of `outboxColumns`. */
  readonly parameters: readonly (string | null | Uint8Array)[];
}

/** Checks an event as `emit` does, and writes nothing. @throws HW-EMIT-007…011 */
export type PrepareEvent = <Definition extends EventDefinition>(
  event: Definition,
  payload: EventInput<Definition>,
  options: EmitOptions,
) => Promise<PreparedEvent>;

/** For those who write events later themselves. The settings are those of an emitter. */
export function createEventPreparer(options: EmitterOptions = {}): PrepareEvent {
  const settings = resolveSettings(options);
  return async (event, payload, emitOptions) => prepare(settings, { event, payload, options: emitOptions }, {});
}

/** Emits with every default: logical messages of the installation `main`. */
export const emit: Emit = createEmitter();

interface EventCall {
  readonly event: unknown;
  readonly payload: unknown;
  readonly options: EmitOptions;
}

interface EmitCall extends EventCall {
  readonly tx: unknown;
}

/** Waits for nothing before the statement unless the schema does: an `emit` without `await` still precedes the commit. */
async function emitWith(settings: EmitterSettings, call: EmitCall): Promise<EmittedEvent> {
  const handle = assertTransaction(call.tx);
  watchTransactionOf(call.tx);
  const prepared = prepare(settings, call, eventContextOf(handle));
  const { id, mode, parameters } = prepared instanceof Promise ? await prepared : prepared;
  const statement =
    mode === 'message'
      ? { statements: emitMessageStatements, parameters: [eventMessagePrefix, ...parameters] }
      : settings.outbox.of(parameters);
  await settings.writer.write({ handle, mode, ...statement });
  return { id };
}

/** A promise only where the schema gives one. */
function prepare(
  settings: EventSettings,
  call: EventCall,
  context: EventContext,
): PreparedEvent | Promise<PreparedEvent> {
  const definition = assertDefinition(call.event);
  const validated = validatePayload(definition, call.payload);
  const complete = (value: unknown): PreparedEvent => {
    const payload = encodePayload(definition, value);
    const event = createEvent(settings, withContext(settings, call.options, context), { definition, payload });
    const mode = call.options.mode ?? settings.mode;
    const parameters = mode === 'message' ? [encodeEventEnvelope(event)] : toOutboxParameters(event);
    return { id: event.id, mode, parameters };
  };
  return validated instanceof Promise ? validated.then(complete) : complete(validated);
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
  'postgres.js': 'the sql object of postgres.js itself',
  knex: 'the Knex object itself',
  typeorm: 'a DataSource of TypeORM, or an EntityManager without a transaction',
  sequelize: 'the Sequelize object itself',
  'mikro-orm': 'an EntityManager of MikroORM without a transaction',
  prisma: 'the PrismaClient itself',
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
}

/** What the caller says goes before what led to the transaction. */
function withContext(settings: EventSettings, options: EmitOptions, context: EventContext): EmitOptions {
  return {
    ...options,
    correlationId: options.correlationId ?? context.correlationId,
    causationId: options.causationId ?? context.causationId,
    traceparent: options.traceparent ?? settings.traceparent() ?? context.traceparent,
  };
}

function createEvent(
  settings: EventSettings,
  options: EmitOptions,
  { definition, payload }: TypedPayload,
): DomainEvent {
  if (payload.length > settings.payloadBytesMax) {
    const message = `the payload of "${definition.type}" has ${payload.length} bytes, the limit is ${settings.payloadBytesMax}`;
    throw new HeadwaterError('HW-EMIT-010', message, {
      details: { event: definition.type, payloadBytes: payload.length, limitBytes: settings.payloadBytesMax },
    });
  }
  const now = settings.clock.now();
  const { causationId, correlationId, traceparent } = options;
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
