import { applyChange, isRecord, type SimulatedChange, type SimulatedRow } from './simulated-change.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { CommittedTransaction, WrittenChange } from './wal-messages.ts';
import {
  type ServerProfile,
  type SimulatedSlot,
  type StreamReceiver,
  type WalEntry,
  WalSender,
  type WalSource,
} from './wal-sender.ts';

/**
 * A PostgreSQL as a consumer of one slot sees it: a WAL that only grows, transactions that are sent whole and in the order of
 * their commits, a slot whose confirmations survive a crash only as far as a checkpoint wrote them, and connections that
 * deliver bytes cut anywhere, stall, and end at any place.
 */
export class SimulatedServer implements WalSource {
  readonly profile: ServerProfile;
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly rows: Map<string, SimulatedRow> = new Map();
  /** Committed and with a record, in the order of the commits: what every sink must end up with. */
  readonly delivered: CommittedTransaction[] = [];
  slot: SimulatedSlot | undefined;
  /** The largest location that anybody ever confirmed. */
  toldLsn = 0n;
  readonly #items: WalEntry[] = [];
  readonly #senders = new Set<WalSender>();
  #walEnd = 0x1000n;
  #nextXid = 700;
  #nextPid = 1000;

  constructor(scheduler: Scheduler, profile: ServerProfile) {
    this.scheduler = scheduler;
    this.profile = profile;
    this.process = scheduler.createProcess('server');
  }

  get walEnd(): bigint {
    return this.#walEnd;
  }

  get items(): readonly WalEntry[] {
    return this.#items;
  }

  /** Writes WAL and returns where it begins. */
  write(): bigint {
    const lsn = this.#walEnd;
    this.#walEnd += BigInt(8 * this.scheduler.between(1, 20));
    return lsn;
  }

  assignXid(): number {
    return this.#nextXid++;
  }

  assignPid(): number {
    return this.#nextPid++;
  }

  commit(xid: number, changes: readonly WrittenChange[]): CommittedTransaction {
    const commitLsn = this.write();
    const commitMicros = 1_767_225_600_000_000n + BigInt(this.scheduler.nowMs) * 1000n;
    const transaction = { xid, changes, commitLsn, endLsn: this.#walEnd, commitMicros };
    for (const { change } of changes) applyChange(this.rows, change);
    this.#items.push({ kind: 'transaction', at: commitLsn, transaction });
    if (this.slot !== undefined && changes.some(({ change }) => isRecord(change))) this.delivered.push(transaction);
    this.#wakeAll();
    return transaction;
  }

  /** One transaction at once. */
  commitNow(changes: readonly SimulatedChange[]): void {
    const written = changes.map((change) => ({ lsn: this.write(), change }));
    this.commit(this.assignXid(), written);
  }

  emitLoose(prefix: string, content: string): void {
    this.#items.push({ kind: 'loose-message', at: this.write(), prefix, content });
    this.#wakeAll();
  }

  createSlot(): SimulatedSlot {
    const startLsn = this.#walEnd;
    this.write();
    this.slot = { startLsn, confirmedLsn: startLsn, savedLsn: startLsn, holder: undefined };
    return this.slot;
  }

  checkpoint(): void {
    if (this.slot !== undefined) this.slot.savedLsn = this.slot.confirmedLsn;
  }

  connect(receiver: StreamReceiver, pid: number): WalSender {
    const sender = new WalSender(this, receiver, pid);
    this.#senders.add(sender);
    return sender;
  }

  leave(sender: WalSender): void {
    this.#senders.delete(sender);
    if (this.slot?.holder === sender) this.slot.holder = undefined;
  }

  /** Every connection ends; confirmations since the last checkpoint are forgotten. Commits are durable. */
  crash(): void {
    for (const sender of this.#senders) sender.close();
    if (this.slot !== undefined) this.slot.confirmedLsn = this.slot.savedLsn;
    this.write();
  }

  /** Every connection ends: now, or as soon as part of what was sent is delivered. */
  cutConnections(): void {
    const isInMidstream = this.scheduler.chance(0.7);
    for (const sender of this.#senders) {
      if (isInMidstream) sender.cutInMidstream();
      else sender.close();
    }
  }

  /** Connections that deliver nothing more and do not end either. */
  hangConnections(): void {
    for (const sender of this.#senders) sender.hang();
  }

  #wakeAll(): void {
    for (const sender of this.#senders) sender.wake();
  }
}
