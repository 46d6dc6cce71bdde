import { HeadwaterError } from '../../foundation/error.ts';
import type { EventSchema, SchemaOutput } from '../emit/event-schema.ts';
import { createRunEffect } from './run-effect.ts';
import { removeReceipts } from './remove-receipts.ts';
import type { HeldMessage } from './held-message.ts';
import type { TransactionOptions } from './inbox-database.ts';
import { HeldMessages } from './held-messages.ts';
import {
  type IdentifiedMessage,
  identifyMessage,
  type InboxMessage,
  readPayload,
  toInboxMessage,
} from './inbox-message.ts';
import { type InboxOptions, type InboxSettings, resolveInboxOptions } from './inbox-options.ts';
import type { InboxCounts, InboxResult } from './inbox-result.ts';
import type { ReceivedMessage } from './received-message.ts';
import { type RegisteredConsumer, registerConsumer } from './register-consumer.ts';
import { type AnyHandler, MessageTransaction, planClaim, type ReadyMessage, type Taken } from './take-message.ts';
import type { TransactionOf } from '../transact/transaction-of.ts';
import type { RunEffect } from '../effect/effect.ts';

/** Takes messages of one kind for one consumer, each once for what its transaction writes. */
export interface Inbox<Reply> {
  /** The consumer's name: another name starts without receipts. */
  readonly name: string;
  readonly counts: InboxCounts;
  /**
   * Takes a message: receipt, effect, events and reply in one commit. Acknowledge it when this resolves, and not before. Safe to call any
   * number of times, also at once: later calls wait for the first and give its reply. When it rejects, nothing is known to be
   * committed, and the message must come again; errors of the handler and of the database come as they are.
   * @throws HW-INBOX-004…007, 009
   */
  receive(message: ReceivedMessage): Promise<InboxResult<Reply>>;
  /** Sets a message aside without calling the handler, with its receipt in the same commit. For consumers. @throws HW-INBOX-004, 007 */
  park(message: ReceivedMessage, reason: 'unreadable' | 'attempts', detail: string): Promise<InboxResult<Reply>>;
  /**
   * Takes what waits for a message that took effect meanwhile, and parks what has waited longer than the limit of the order. Needed after
   * a crash only, and for gaps; ready consumers call it by themselves. An error of a handler ends it.
   */
  sweep(options?: { readonly signal?: AbortSignal }): Promise<SweepReport>;
  /**
   * Removes receipts that are older than the retention, in transactions of `batchSize` (default 1,000). To be called on a schedule. Stops
   * between two of them when `signal` is aborted, rejecting with its reason.
   */
  cleanUp(options?: {
    readonly batchSize?: number;
    readonly signal?: AbortSignal;
  }): Promise<{ readonly removedCount: number }>;
  /** Messages that were set aside, oldest first. Default: 100 of any state. */
  held(options?: { readonly state?: HeldMessage['state']; readonly limit?: number }): Promise<readonly HeldMessage[]>;
  /** Takes a held message now; in an ordered inbox only when its turn has come. @throws HW-INBOX-011, and what the handler throws */
  retry(message: Pick<HeldMessage, 'id' | 'sender'>): Promise<InboxResult<Reply>>;
  /** Gives a held message up for good, with the reason on record; in a contiguous order the next of its key goes on. @throws HW-INBOX-011 */
  discard(message: Pick<HeldMessage, 'id' | 'sender'>, reason: string): Promise<void>;
}

/** What a sweep has done. */
export interface SweepReport {
  readonly takenCount: number;
  readonly parkedCount: number;
}

/** What the function of an inbox is given, and gives: its reply is kept as JSON, and is what duplicates get. */
export type InboxHandler<Database, Payload, Prepared, Reply> = (
  transaction: TransactionOf<Database>,
  message: InboxMessage<Payload>,
  prepared: Prepared,
) => Promise<Reply> | Reply;

/**
 * Makes an inbox. Starts nothing and connects to nothing. Effectively once for everything that the handler writes through its
 * transaction, by the receipt in the same commit, for as long as receipts are kept; nothing is said of what else it does.
 * @throws HW-INBOX-001, 002, 003
 */
export function inbox<Schema extends EventSchema, Database, Reply = undefined, Prepared = undefined>(
  name: string,
  options: InboxOptions<Schema, Database, Prepared>,
  handle: InboxHandler<Database, SchemaOutput<Schema>, Prepared, Reply>,
): Inbox<Reply>;
export function inbox(
  name: string,
  options: InboxOptions<EventSchema, unknown, unknown>,
  handle: AnyHandler,
): Inbox<unknown> {
  return new TransactionalInbox(resolveInboxOptions(name, options), handle, options.prepare);
}

type Prepare = (message: InboxMessage<unknown>, run: RunEffect) => unknown;

class TransactionalInbox implements Inbox<unknown> {
  readonly name: string;
  readonly #settings: InboxSettings;
  readonly #handle: AnyHandler;
  readonly #prepare: Prepare | undefined;
  readonly #held: HeldMessages;
  readonly #counts = { done: 0, duplicate: 0, mismatch: 0, stale: 0, early: 0, parked: 0 };
  #registered: Promise<RegisteredConsumer> | undefined;

  constructor(settings: InboxSettings, handle: AnyHandler, prepare: Prepare | undefined) {
    this.name = settings.name;
    this.#settings = settings;
    this.#handle = handle;
    this.#prepare = prepare;
    this.#held = new HeldMessages(settings, (message) => this.#takeHeld(message));
  }

  get counts(): InboxCounts {
    return { ...this.#counts };
  }

  async receive(received: ReceivedMessage): Promise<InboxResult<unknown>> {
    const message = identifyMessage(received);
    const payload = await readPayload(this.#settings.schema, message);
    const { removedBeforeMs } = await this.#register();
    const known = await this.#readKnownBefore(message);
    if (known !== undefined) return this.#count(message, known);
    const taken = await this.#orSetAside(message, async () => {
      const ready = { message, payload, prepared: await this.#runPrepare(message, payload) };
      const afterBegin = planClaim(this.#settings, message, removedBeforeMs);
      const isKept = (taken: Taken): Promise<boolean> => this.#hasReceipt(message, taken);
      return this.#inTransaction(message, (step) => step.take(ready, this.#handle, removedBeforeMs), {
        afterBegin,
        isKept,
      });
    });
    if (taken.next !== undefined) await this.#held.takeFollowing(message.sender, taken.next);
    return this.#count(message, taken.result);
  }

  async park(
    received: ReceivedMessage,
    reason: 'unreadable' | 'attempts',
    detail: string,
  ): Promise<InboxResult<unknown>> {
    const message = identifyMessage(received);
    await this.#register();
    const { result } = await this.#inTransaction(message, (step) => step.setAside(reason, detail));
    return this.#count(message, result);
  }

  async sweep(options: { readonly signal?: AbortSignal } = {}): Promise<SweepReport> {
    return this.#held.sweep(options.signal);
  }

  async cleanUp(
    options: { readonly batchSize?: number; readonly signal?: AbortSignal } = {},
  ): Promise<{ removedCount: number }> {
    await this.#register();
    return removeReceipts(this.#settings, options);
  }

  held(
    options: { readonly state?: HeldMessage['state']; readonly limit?: number } = {},
  ): Promise<readonly HeldMessage[]> {
    return this.#held.list(options);
  }

  async retry(message: Pick<HeldMessage, 'id' | 'sender'>): Promise<InboxResult<unknown>> {
    const taken = await this.#held.take(message.sender, message.id);
    if (taken === undefined) throw unheld(message.id);
    return taken;
  }

  async discard(message: Pick<HeldMessage, 'id' | 'sender'>, reason: string): Promise<void> {
    if (!(await this.#held.discard(message, reason))) throw unheld(message.id);
  }

  /** One that is registered once; a failure is tried again with the next message. */
  async #register(): Promise<RegisteredConsumer> {
    this.#registered ??= registerConsumer(this.#settings);
    try {
      return await this.#registered;
    } catch (thrown) {
      this.#registered = undefined;
      throw thrown;
    }
  }

  /** Effects outside the database are not begun for a message that took effect already. */
  async #readKnownBefore(message: IdentifiedMessage): Promise<InboxResult<unknown> | undefined> {
    if (this.#prepare === undefined) return undefined;
    const { result } = await this.#inTransaction(message, async (step) => ({ result: await step.readKnown() }));
    return result;
  }

  async #runPrepare(message: IdentifiedMessage, payload: unknown): Promise<unknown> {
    if (this.#prepare === undefined) return undefined;
    return this.#prepare(toInboxMessage(message, payload), createRunEffect(this.#settings, message));
  }

  /** An error that trying again cannot mend: what was written is rolled back, then receipt and reason are written in one transaction. */
  async #orSetAside(message: IdentifiedMessage, take: () => Promise<Taken>): Promise<Taken> {
    try {
      return await take();
    } catch (thrown) {
      const reason = this.#readPermanent(thrown);
      if (reason === undefined) throw thrown;
      return this.#inTransaction(message, (step) => step.setAside('rejected', reason));
    }
  }

  #readPermanent(thrown: unknown): string | undefined {
    if (thrown instanceof HeadwaterError && thrown.code === 'HW-INBOX-008') return String(thrown.details['reason']);
    const isPermanent =
      (thrown instanceof HeadwaterError && thrown.code === 'HW-INBOX-010') || this.#settings.isPermanent(thrown);
    if (!isPermanent) return undefined;
    return thrown instanceof Error ? (thrown.message.split('\n', 1)[0] ?? '') : String(thrown);
  }

  async #takeHeld(received: ReceivedMessage): Promise<Taken> {
    const message = identifyMessage(received);
    const payload = await readPayload(this.#settings.schema, message);
    const taken = await this.#orSetAside(message, async () => {
      const ready: ReadyMessage = { message, payload, prepared: await this.#runPrepare(message, payload) };
      const isKept = (taken: Taken): Promise<boolean> => this.#isReleased(message, taken);
      return this.#inTransaction(message, (step) => step.takeHeld(ready, this.#handle), { isKept });
    });
    this.#count(message, taken.result);
    return taken;
  }

  #inTransaction<Result>(
    message: IdentifiedMessage,
    act: (step: MessageTransaction) => Promise<Result>,
    options: TransactionOptions<Result> = {},
  ): Promise<Result> {
    const { database } = this.#settings;
    return database.transaction(
      (transaction) => act(new MessageTransaction(this.#settings, transaction, message)),
      options,
    );
  }

  /** Of what was written for a message that had arrived: its receipt is in the same transaction. */
  async #hasReceipt({ id, sender }: IdentifiedMessage, { result: { kind } }: Taken): Promise<boolean> {
    if (kind !== 'done' && kind !== 'early' && kind !== 'parked') return true;
    const { database, name } = this.#settings;
    return (await database.query(database.statements.verify, [sender, name, id])).length > 0;
  }

  /** Of a message that was held, whose receipt was there before: it is not held any more. */
  async #isReleased({ id, sender }: IdentifiedMessage, { result: { kind } }: Taken): Promise<boolean> {
    if (kind !== 'done' && kind !== 'stale') return true;
    const { database, name } = this.#settings;
    return (await database.query(database.statements.readHeld, [sender, name, id])).length === 0;
  }

  #count({ id, sender }: IdentifiedMessage, result: InboxResult<unknown>): InboxResult<unknown> {
    this.#counts[result.kind] += 1;
    this.#settings.onResult(result, { id, sender });
    return result;
  }
}

function unheld(id: string): HeadwaterError {
  return new HeadwaterError('HW-INBOX-011', `no message "${id}" is held`, { details: { message: id } });
}
