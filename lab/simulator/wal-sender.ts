import { uint32 } from '../../src/capture/testing/stream-bytes.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { CommittedTransaction } from './wal-messages.ts';
import { encodeBegin, encodeChange, encodeCommit, encodeKeepalive, encodeLooseMessage } from './wal-messages.ts';
import { encodeRelation, needsRelation } from './wal-messages.ts';

/** How one run's server behaves. */
export interface ServerProfile {
  /** PostgreSQL 14 also sends transactions without a change. */
  readonly sendsEmpty: boolean;
  readonly keepaliveMs: number;
  readonly walSenderTimeoutMs: number;
}

/** A replication slot, with what of it survives a crash of the server. */
export interface SimulatedSlot {
  readonly startLsn: bigint;
  confirmedLsn: bigint;
  /** What the last checkpoint of the server wrote to disk. */
  savedLsn: bigint;
  holder: WalSender | undefined;
}

/** What stands in the WAL, at its location. */
export type WalEntry =
  | { readonly kind: 'transaction'; readonly at: bigint; readonly transaction: CommittedTransaction }
  | { readonly kind: 'loose-message'; readonly at: bigint; readonly prefix: string; readonly content: string };

/** The other end of a connection, on the side of the client. */
export interface StreamReceiver {
  /** False while the client rests: nothing is delivered then. */
  readonly isReading: boolean;
  deliver(bytes: Buffer): void;
  closed(): void;
}

/** What a sender needs of its server. */
export interface WalSource {
  readonly profile: ServerProfile;
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly slot: SimulatedSlot | undefined;
  readonly items: readonly WalEntry[];
  readonly walEnd: bigint;
  /** The sender's connection is over: it holds the slot no more. */
  leave(sender: WalSender): void;
}

/** The server process of one replication connection. */
export class WalSender {
  readonly pid: number;
  readonly #server: WalSource;
  #receiver: StreamReceiver | undefined;
  /** Whole messages that were sent and not delivered. */
  #queue: Buffer = Buffer.alloc(0);
  #next: number | undefined;
  #hasSentRelation = false;
  #isDelivering = false;
  #isHung = false;
  #isCutNext = false;
  #statuses: bigint[] = [];

  constructor(server: WalSource, receiver: StreamReceiver, pid: number) {
    this.#server = server;
    this.#receiver = receiver;
    this.pid = pid;
  }

  /** Answers START_REPLICATION: from the slot's own position. */
  start(): void {
    const { slot } = this.#server;
    // The client left before its command came.
    if (this.#receiver === undefined) return;
    if (slot === undefined || slot.holder !== undefined) {
      this.#push(errorResponse('55006', 'replication slot is active'));
      return;
    }
    slot.holder = this;
    const from = slot.confirmedLsn;
    // Sent is what commits at or behind the slot's position, by the start of the commit record.
    const index = this.#server.items.findIndex(({ at }) => at >= from);
    this.#next = index === -1 ? this.#server.items.length : index;
    this.#push(Buffer.concat([Buffer.from('W'), uint32(7), Buffer.from([0, 0, 0])]));
    this.#planKeepalive();
  }

  /** Something may have to be sent or delivered. */
  wake(): void {
    if (this.#isDelivering || this.#isHung || this.#receiver?.isReading !== true) return;
    if (this.#queue.length === 0 && !this.#hasMore) return;
    this.#isDelivering = true;
    this.#server.process.schedule('deliver', this.#delay(), () => {
      this.#isDelivering = false;
      this.#deliver();
      this.wake();
    });
  }

  /** A status is on its way; they arrive in order, also when the client is gone by then. */
  confirm(confirmedLsn: bigint, isReplyRequested: boolean): void {
    this.#statuses.push(confirmedLsn);
    this.#server.process.schedule('status', this.#delay(), () => {
      const lsn = this.#statuses.shift() ?? 0n;
      const { slot } = this.#server;
      if (slot?.holder !== this) return;
      if (lsn > slot.confirmedLsn) slot.confirmedLsn = lsn;
      if (isReplyRequested) this.#sendKeepalive(false);
    });
  }

  /** The client's process is gone: the server notices later, and holds the slot until then. */
  abandon(): void {
    this.#receiver = undefined;
    this.#server.process.schedule('notice the lost client', this.#server.scheduler.between(0, 200), () =>
      this.#server.leave(this),
    );
  }

  close(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#server.leave(this);
    receiver?.closed();
  }

  cutInMidstream(): void {
    this.#isCutNext = true;
  }

  hang(): void {
    this.#isHung = true;
    this.#server.process.schedule('give up a silent client', this.#server.profile.walSenderTimeoutMs, () => {
      this.#server.leave(this);
    });
  }

  get #hasMore(): boolean {
    return this.#next !== undefined && this.#next < this.#server.items.length;
  }

  #delay(): number {
    return this.#server.scheduler.chance(0.8) ? 0 : this.#server.scheduler.between(1, 15);
  }

  #push(message: Buffer): void {
    this.#queue = Buffer.concat([this.#queue, message]);
    this.wake();
  }

  #deliver(): void {
    const receiver = this.#receiver;
    if (this.#isHung || receiver?.isReading !== true) return;
    const { scheduler } = this.#server;
    if (this.#queue.length === 0) this.#sendNext();
    if (scheduler.chance(0.4))
      do this.#sendNext();
      while (this.#hasMore && scheduler.chance(0.7));
    if (this.#queue.length === 0) return;
    const count = scheduler.chance(0.5) ? this.#queue.length : scheduler.between(1, this.#queue.length);
    const bytes = Buffer.from(this.#queue.subarray(0, count));
    this.#queue = this.#queue.subarray(count);
    receiver.deliver(bytes);
    if (this.#isCutNext && this.#queue.length > 0) this.close();
  }

  #sendNext(): void {
    const item = this.#next === undefined ? undefined : this.#server.items[this.#next];
    if (this.#next === undefined || item === undefined) return;
    this.#next += 1;
    if (item.kind === 'loose-message') {
      this.#push(encodeLooseMessage(item.at, item.prefix, item.content));
      return;
    }
    const { transaction } = item;
    if (transaction.changes.length === 0 && !this.#server.profile.sendsEmpty) return;
    const messages = [encodeBegin(transaction)];
    for (const written of transaction.changes) {
      if (needsRelation(written.change) && !this.#hasSentRelation) {
        this.#hasSentRelation = true;
        messages.push(encodeRelation());
      }
      messages.push(encodeChange(written));
      // The end of the WAL lies far behind what was sent by then.
      if (this.#server.scheduler.chance(0.15)) {
        messages.push(encodeKeepalive(this.#server.walEnd, this.#server.scheduler.chance(0.7)));
      }
    }
    messages.push(encodeCommit(transaction));
    this.#push(Buffer.concat(messages));
  }

  #planKeepalive(): void {
    this.#server.process.schedule('keepalive', this.#server.profile.keepaliveMs, () => {
      if (this.#server.slot?.holder !== this) return;
      this.#sendKeepalive(this.#server.scheduler.chance(0.5));
      this.#planKeepalive();
    });
  }

  /** Everything that committed before the location it tells was sent already. */
  #sendKeepalive(isReplyRequested: boolean): void {
    if (this.#receiver === undefined || this.#next === undefined) return;
    const next = this.#server.items[this.#next];
    this.#push(encodeKeepalive(next === undefined ? this.#server.walEnd : next.at, isReplyRequested));
  }
}

function errorResponse(sqlState: string, message: string): Buffer {
  const fields = Buffer.from(`SERROR\0VERROR\0C${sqlState}\0M${message}\0\0`);
  return Buffer.concat([Buffer.from('E'), uint32(fields.length + 4), fields]);
}
