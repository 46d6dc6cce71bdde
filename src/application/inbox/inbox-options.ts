import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Logger, silentLogger } from '../../foundation/logger.ts';
import { schemaNameDefault } from '../../postgres/database-objects.ts';
import { recognizeDatabaseHandle } from '../../postgres/recognize-database.ts';
import { type EventSchema, isEventSchema, type SchemaOutput } from '../emit/event-schema.ts';
import { InboxDatabase } from './inbox-database.ts';
import type { InboxMessage } from './inbox-message.ts';
import type { InboxResult } from './inbox-result.ts';
import { type InboxOrder, versionBeforeFirst } from './order-decision.ts';
import type { RunEffect } from '../effect/effect.ts';

/** What an inbox is made with. */
export interface InboxOptions<Schema extends EventSchema, Database, Prepared = undefined> {
  /** The pool of pg, what `drizzle(…)` gives, or the Kysely object. Lent, never closed. */
  readonly db: Database;
  /** Any Standard Schema (zod, valibot, arktype, …) of the messages' content. */
  readonly payload: Schema;
  /** Default: each message by itself. */
  readonly order?: InboxOrder;
  /**
   * The longest time after which a message can still come again, in milliseconds: the longest of the journal's retention at the sender,
   * the topic's or queue's, and how long somebody may keep a dead letter before it is sent again.
   */
  readonly redeliveryMaxMs: number;
  /** How long receipts are kept, in milliseconds. Must lie above `redeliveryMaxMs`. Default: twice that. */
  readonly retentionMs?: number;
  /** How far the clocks of senders and database may differ, in milliseconds. Default 300,000. */
  readonly clockSkewMs?: number;
  /**
   * What becomes of a message that was sent before the oldest receipt that is kept, and has none. `park` (default): nobody can tell
   * whether it took effect, so it is set aside. `execute`: it takes effect, perhaps a second time.
   */
  readonly beyondRetention?: 'park' | 'execute';
  /** Whether an error of the handler is one that trying again cannot mend. Default: only `message.reject`. */
  readonly isPermanent?: (error: unknown) => boolean;
  /**
   * Runs outside of every transaction, before it: effects outside the database, by `run`. What it resolves to is the handler's third
   * argument. Runs again when the message comes again before it was committed; effects that were done are not.
   */
  readonly prepare?: (message: InboxMessage<SchemaOutput<Schema>>, run: RunEffect) => Promise<Prepared> | Prepared;
  /** Schema of Headwater's tables. Default `headwater`. */
  readonly schemaName?: string;
  /** Told of each result, for metrics. Must not throw. */
  readonly onResult?: (result: InboxResult<unknown>, message: { readonly id: string; readonly sender: string }) => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Options of any inbox with every default filled in. */
export interface InboxSettings {
  readonly name: string;
  readonly database: InboxDatabase;
  readonly schema: EventSchema;
  readonly order: InboxOrder;
  readonly gapLimitMs: number;
  readonly retentionMs: number;
  readonly clockSkewMs: number;
  readonly beyondRetention: 'park' | 'execute';
  readonly isPermanent: (error: unknown) => boolean;
  readonly onResult: NonNullable<InboxOptions<EventSchema, unknown>['onResult']>;
  readonly logger: Logger;
  readonly clock: Clock;
}

type AnyOptions = Omit<InboxOptions<EventSchema, unknown, unknown>, 'prepare'>;

/**
 * Checks the options as a whole and fills in the defaults.
 * @throws HW-INBOX-001, HW-INBOX-002 with the name of the option, HW-INBOX-003
 */
export function resolveInboxOptions(name: string, options: AnyOptions): InboxSettings {
  if (typeof name !== 'string' || name === '' || name.length > 255 || !name.isWellFormed() || name.includes('\0')) {
    throw invalid('name', 'is no text of 1 to 255 characters');
  }
  const handle = recognizeDatabaseHandle(options.db);
  if (handle === undefined) {
    throw new HeadwaterError('HW-INBOX-001', `inbox "${name}" was given a db that no transaction can be begun on`);
  }
  if (!isEventSchema(options.payload)) throw invalid('payload', 'is no schema that follows Standard Schema version 1');
  const order = options.order ?? { kind: 'independent' };
  assertOrder(order);
  const redeliveryMaxMs = checkMs('redeliveryMaxMs', options.redeliveryMaxMs);
  const retentionMs = checkMs('retentionMs', options.retentionMs ?? redeliveryMaxMs * 2);
  if (retentionMs <= redeliveryMaxMs) throw tooShort(name, retentionMs, redeliveryMaxMs);
  const { beyondRetention = 'park' } = options;
  if (!['park', 'execute'].includes(beyondRetention))
    throw invalid('beyondRetention', 'is neither "park" nor "execute"');
  return {
    name,
    database: new InboxDatabase(handle, options.schemaName ?? schemaNameDefault),
    schema: options.payload,
    order,
    gapLimitMs: checkMs('order.gapLimitMs', order.kind === 'contiguous' ? (order.gapLimitMs ?? 300_000) : 300_000),
    retentionMs,
    clockSkewMs: checkMs('clockSkewMs', options.clockSkewMs ?? 300_000),
    beyondRetention,
    isPermanent: options.isPermanent ?? (() => false),
    onResult: options.onResult ?? (() => undefined),
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
  };
}

function assertOrder(order: InboxOrder): void {
  if (!['independent', 'latest', 'contiguous'].includes(order.kind)) {
    throw invalid('order.kind', 'is none of independent, latest and contiguous');
  }
  if (order.kind !== 'contiguous' || order.firstVersion === undefined) return;
  const isWhole = typeof order.firstVersion === 'bigint' || Number.isSafeInteger(order.firstVersion);
  if (!isWhole || versionBeforeFirst(order) < -1n) throw invalid('order.firstVersion', 'is no whole number from 0');
}

function checkMs(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw invalid(option, 'is no whole number of milliseconds from 1');
}

function tooShort(name: string, retentionMs: number, redeliveryMaxMs: number): HeadwaterError {
  const message = `inbox "${name}" would keep receipts for ${retentionMs} ms, and a message can come again after ${redeliveryMaxMs} ms`;
  return new HeadwaterError('HW-INBOX-003', message, { details: { retentionMs, redeliveryMaxMs } });
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-INBOX-002', `the option "${option}" of an inbox ${reason}`, { details: { option } });
}
