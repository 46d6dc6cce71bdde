import { HeadwaterError } from '../../foundation/error.ts';
import type { ResultRow } from '../../postgres/transaction-handle.ts';
import { forgetEventContext, setEventContext } from '../emit/event-context.ts';
import { watchUnit } from '../guard/watched-unit.ts';
import { canonicalJson } from './canonical-json.ts';
import type { HeldReason } from './held-message.ts';
import { encodeEnvelope } from './held-envelope.ts';
import { type InboxTransaction, uncommitted } from './inbox-database.ts';
import { causeOfMessage, type IdentifiedMessage, type InboxMessage, toInboxMessage } from './inbox-message.ts';
import type { InboxSettings } from './inbox-options.ts';
import type { InboxResult } from './inbox-result.ts';
import type { Write } from './inbox.sql.ts';
import { decideOrder, type OrderVerdict, versionBeforeFirst } from './order-decision.ts';

/** The function of an inbox, whatever its types. */
export type AnyHandler = (transaction: unknown, message: InboxMessage<unknown>, prepared: unknown) => unknown;

/** A message that is ready to be taken. */
export interface ReadyMessage {
  readonly message: IdentifiedMessage;
  readonly payload: unknown;
  readonly prepared: unknown;
}

/** What became of it, and which message of its key waited for it. */
export interface Taken {
  readonly result: InboxResult<unknown>;
  readonly next?: string | undefined;
}

/**
 * What happens to a message within one transaction: order, receipt, effect, reply. The row of the key is locked before the receipt is
 * written, and whatever waits for the key is written behind that lock, so that nothing that waits is overlooked.
 */
export class MessageTransaction {
  readonly #settings: InboxSettings;
  readonly #transaction: InboxTransaction;
  readonly #message: IdentifiedMessage;

  constructor(settings: InboxSettings, transaction: InboxTransaction, message: IdentifiedMessage) {
    this.#settings = settings;
    this.#transaction = transaction;
    this.#message = message;
  }

  /** Takes a message that has arrived. `removedBeforeMs`: up to when receipts were removed before this process came. */
  async take(ready: ReadyMessage, handler: AnyHandler, removedBeforeMs: number): Promise<Taken> {
    const order = await this.#lockOrder();
    if (order.verdict === 'stale') return { result: (await this.readKnown()) ?? stale(order) };
    const isBeyond = await this.#isBeyondRetention(removedBeforeMs);
    if (!(await this.#claim())) return { result: await this.#readOther() };
    if (isBeyond && this.#settings.beyondRetention === 'park') {
      return { result: await this.#park('beyond-retention', 'older than what the clean-up has removed') };
    }
    if (order.verdict === 'early') {
      await this.#hold('waiting', 'gap');
      return { result: { kind: 'early', seenVersion: order.seenVersion } };
    }
    return this.#execute(ready, handler, order);
  }

  /** Takes a message that was held, whose receipt is there already. */
  async takeHeld(ready: ReadyMessage, handler: AnyHandler): Promise<Taken> {
    const order = await this.#lockOrder();
    if (order.verdict === 'early') return { result: { kind: 'early', seenVersion: order.seenVersion } };
    const taken = await this.#run(this.#settings.database.statements.takeHeld, []);
    if (taken.length === 0) return { result: await this.#readOther() };
    if (order.verdict === 'stale') return { result: stale(order) };
    return this.#execute(ready, handler, order);
  }

  /** Sets a message aside, or aside again: its receipt and the reason, in this transaction. */
  async setAside(reason: HeldReason, detail: string): Promise<Taken> {
    if (await this.#claim()) return { result: await this.#park(reason, detail) };
    const known = await this.#readOther();
    const isHeld = known.kind === 'early' || known.kind === 'parked';
    return { result: isHeld ? await this.#park(reason, detail) : known };
  }

  /** Undefined: there is no receipt of the message. */
  async readKnown(): Promise<InboxResult<unknown> | undefined> {
    const [row] = await this.#run(this.#settings.database.statements.known, [this.#message.fingerprint]);
    return row === undefined ? undefined : readKnownRow(row);
  }

  async #execute({ message, payload, prepared }: ReadyMessage, handler: AnyHandler, order: Ordered): Promise<Taken> {
    const { handle, own } = this.#transaction;
    setEventContext(handle, causeOfMessage(message));
    let given: unknown;
    try {
      given = await watchUnit({ kind: 'inbox', name: this.#settings.name }, () =>
        handler(own, toInboxMessage(message, payload), prepared),
      );
    } finally {
      forgetEventContext(handle);
    }
    const reply = await this.#keepReply(given);
    return { result: { kind: 'done', reply }, next: await this.#advance(order) };
  }

  /**
   * The reply as a duplicate will get it. The transaction must still be open and whole: where the client does not know that, the server is
   * asked, because many libraries tell nobody that COMMIT was answered by ROLLBACK.
   */
  async #keepReply(given: unknown): Promise<unknown> {
    const { statements } = this.#settings.database;
    const state = this.#transaction.handle.transactionState;
    if (state === 'failed') throw uncommitted('a statement of the handler had failed');
    if (state === 'not-in-transaction') throw uncommitted('the handler ended it');
    if (given === undefined) {
      if (state === 'unknown') assertKept((await this.#run(statements.verify, [])).length);
      return undefined;
    }
    const text = canonicalJson(given);
    if (text === undefined) {
      throw new HeadwaterError(
        'HW-INBOX-010',
        `the reply to message "${this.#message.id}" is nothing that JSON can hold`,
      );
    }
    assertKept(await this.#write(statements.keepReply, [text]));
    return JSON.parse(text);
  }

  async #lockOrder(): Promise<Ordered> {
    const { database, name, order } = this.#settings;
    const { id, key, sender, version } = this.#message;
    if (order.kind === 'independent') return { verdict: 'next', seenVersion: -1n };
    if (key === null || version === undefined) {
      const message = `inbox "${name}" keeps an order, and message "${id}" has no ${key === null ? 'key' : 'version'}`;
      throw new HeadwaterError('HW-INBOX-006', message, { details: { message: id } });
    }
    const parameters = [sender, name, key, versionBeforeFirst(order).toString()];
    const [row] = await this.#transaction.run(database.statements.lockKey, parameters);
    const seenVersion = BigInt(String(row?.['version']));
    return { verdict: decideOrder(order, seenVersion, version), seenVersion, key, version };
  }

  async #advance({ key, version }: Ordered): Promise<string | undefined> {
    if (key === undefined || version === undefined) return undefined;
    const { database, name } = this.#settings;
    const parameters = [this.#message.sender, name, key, version.toString()];
    const [row] = await this.#transaction.run(database.statements.advance, parameters);
    return typeof row?.['next'] === 'string' ? row['next'] : undefined;
  }

  /** Only messages that are older than any receipt may be are asked about, so that all others pay nothing for it. */
  async #isBeyondRetention(removedBeforeMs: number): Promise<boolean> {
    const { clock, clockSkewMs, database, name, retentionMs } = this.#settings;
    const { sentAt } = this.#message.received;
    const oldestMs = Math.max(removedBeforeMs, clock.now() + clockSkewMs - retentionMs);
    if (sentAt === undefined || sentAt - clockSkewMs >= oldestMs) return false;
    const parameters = [name, String(sentAt - clockSkewMs)];
    const [row] = await this.#transaction.run(database.statements.isBeyond, parameters);
    return row?.['beyond'] === 'true';
  }

  /** Writes the receipt. False: it is there already. */
  async #claim(): Promise<boolean> {
    return (await this.#write(this.#settings.database.statements.claim, [this.#message.fingerprint])) > 0;
  }

  /** What another transaction has made of the message. */
  async #readOther(): Promise<InboxResult<unknown>> {
    const known = await this.readKnown();
    if (known !== undefined) return known;
    throw uncommitted(`the receipt of message "${this.#message.id}" was removed meanwhile`);
  }

  async #park(reason: HeldReason, detail: string): Promise<InboxResult<unknown>> {
    const text = `${reason}: ${detail.slice(0, 500).toWellFormed().replaceAll('\0', '')}`;
    await this.#hold('parked', text);
    return { kind: 'parked', reason: text };
  }

  async #hold(state: 'waiting' | 'parked', reason: string): Promise<void> {
    const { content, key, received, version } = this.#message;
    const envelope = encodeEnvelope(received, content);
    const values = [state, reason, key, version?.toString() ?? null, envelope, content.bytes];
    await this.#run(this.#settings.database.statements.hold, values);
  }

  #write(write: Write, further: readonly (string | null | Uint8Array)[]): Promise<number> {
    return this.#transaction.write(write, [this.#message.sender, this.#settings.name, this.#message.id, ...further]);
  }

  #run(text: string, further: readonly (string | null | Uint8Array)[]): Promise<readonly ResultRow[]> {
    return this.#transaction.run(text, [this.#message.sender, this.#settings.name, this.#message.id, ...further]);
  }
}

interface Ordered {
  readonly verdict: OrderVerdict;
  readonly seenVersion: bigint;
  readonly key?: string;
  readonly version?: bigint;
}

function stale({ seenVersion }: Ordered): InboxResult<unknown> {
  return { kind: 'stale', seenVersion };
}

function assertKept(rowCount: number): void {
  if (rowCount === 0) throw uncommitted('the handler ended it');
}

function readKnownRow({ reply, reason, same, seen, state }: ResultRow): InboxResult<unknown> {
  if (same !== 'true') return { kind: 'mismatch' };
  if (state === 'waiting') return { kind: 'early', seenVersion: BigInt(typeof seen === 'string' ? seen : -1) };
  if (state === 'parked') return { kind: 'parked', reason: String(reason) };
  return { kind: 'duplicate', reply: typeof reply === 'string' ? JSON.parse(reply) : undefined };
}
