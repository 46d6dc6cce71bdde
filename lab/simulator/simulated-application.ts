import { createUuidV7 } from '../../src/foundation/uuid.ts';
import { toInstant } from '../../src/foundation/clock.ts';
import type { Scheduler } from './scheduler.ts';
import { applyChange, keysOf, type SimulatedChange, type SimulatedRow } from './simulated-change.ts';
import type { SimulatedServer } from './simulated-server.ts';
import type { WrittenChange } from './wal-messages.ts';

const ids = ['a', 'b', 'c', 'd', 'e'];

interface OpenTransaction {
  readonly xid: number;
  readonly changes: WrittenChange[];
  readonly locks: Set<string>;
  left: number;
}

/**
 * The application's own sessions: they write in turns, so that transactions overlap and commit in another order than they
 * began, hold row locks until their end, and roll back now and then. Every value is written once only, so that whatever a
 * sink holds can be traced to its transaction.
 */
export class SimulatedApplication {
  readonly #scheduler: Scheduler;
  readonly #server: SimulatedServer;
  readonly #open: (OpenTransaction | undefined)[];
  #left: number;
  #valueCount = 0;
  #isStarted = false;

  constructor(server: SimulatedServer, options: { readonly sessionCount: number; readonly transactionCount: number }) {
    this.#scheduler = server.scheduler;
    this.#server = server;
    this.#open = Array.from({ length: options.sessionCount }, () => undefined);
    this.#left = options.transactionCount;
  }

  get isDone(): boolean {
    return this.#left === 0 && this.#open.every((transaction) => transaction === undefined);
  }

  /** Begins to write. Once. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const index of this.#open.keys()) this.#plan(index);
  }

  /** The server crashed: what was open never happened. */
  abortAll(): void {
    this.#open.fill(undefined);
  }

  #plan(index: number): void {
    if (this.#left === 0 && this.#open[index] === undefined) return;
    const delayMs = this.#scheduler.chance(0.5) ? 0 : this.#scheduler.between(1, 40);
    this.#server.process.schedule(`session ${index}`, delayMs, () => {
      this.#act(index);
      this.#plan(index);
    });
  }

  #act(index: number): void {
    const transaction = this.#open[index];
    if (transaction === undefined) {
      if (this.#left === 0) return;
      this.#left -= 1;
      const left = this.#scheduler.between(1, 5);
      this.#open[index] = { xid: this.#server.assignXid(), changes: [], locks: new Set(), left };
      return;
    }
    if (transaction.left > 0) {
      transaction.left -= 1;
      this.#write(index, transaction);
      return;
    }
    this.#open[index] = undefined;
    if (this.#scheduler.chance(0.8)) this.#server.commit(transaction.xid, transaction.changes);
    else this.#server.write();
  }

  /** One statement: one change, or several that share a location as the rows of a COPY do. */
  #write(index: number, transaction: OpenTransaction): void {
    const changeCount = this.#scheduler.chance(0.2) ? 3 : 1;
    const lsn = this.#server.write();
    for (let count = 0; count < changeCount; count += 1) {
      const change = this.#choose(transaction);
      if (!this.#mayLock(index, keysOf(change))) continue;
      for (const key of keysOf(change)) transaction.locks.add(key);
      transaction.changes.push({ lsn, change });
    }
    if (this.#scheduler.chance(0.05))
      this.#server.emitLoose(this.#scheduler.chance(0.5) ? 'headwater:1' : 'theirs', 'x');
  }

  /** Events need no lock: their order is that of the commits. */
  #mayLock(index: number, keys: readonly string[]): boolean {
    const rowKeys = keys.filter((key) => !key.startsWith('event'));
    if (rowKeys.length === 0) return true;
    return this.#open.every((other, otherIndex) => {
      if (other === undefined || otherIndex === index) return true;
      const held = [...other.locks].filter((key) => !key.startsWith('event'));
      if (rowKeys.includes('*')) return held.length === 0;
      return !held.includes('*') && !rowKeys.some((key) => held.includes(key));
    });
  }

  #choose(transaction: OpenTransaction): SimulatedChange {
    const rows = this.#rowsAsSeen(transaction);
    const id = ids[this.#scheduler.between(0, ids.length - 1)] ?? 'a';
    const value = this.#value();
    const dice = this.#scheduler.random.next();
    if (dice < 0.15) return this.#event(id, value);
    if (dice < 0.2) return { kind: 'message', prefix: 'theirs', content: value };
    if (dice < 0.22) return { kind: 'truncate' };
    if (!rows.has(id)) return { kind: 'insert', id, row: { value, big: this.#big(value) } };
    if (dice < 0.4) return { kind: 'delete', id };
    const free = ids.find((other) => !rows.has(other));
    const isMoved = dice < 0.5 && free !== undefined;
    const big = this.#scheduler.chance(0.5) ? undefined : this.#big(value);
    return { kind: 'update', id: isMoved ? free : id, formerId: isMoved ? id : undefined, value, big };
  }

  #event(key: string, text: string): SimulatedChange {
    const id = createUuidV7(toInstant(1_767_225_600_000 + this.#scheduler.nowMs), this.#scheduler.random);
    return { kind: 'event', id, key, text };
  }

  #rowsAsSeen(transaction: OpenTransaction): Map<string, SimulatedRow> {
    const rows = new Map(this.#server.rows);
    for (const { change } of transaction.changes) applyChange(rows, change);
    return rows;
  }

  #value(): string {
    this.#valueCount += 1;
    return `v${this.#valueCount}`;
  }

  #big(value: string): string | null {
    if (this.#scheduler.chance(0.2)) return null;
    return value.padEnd(this.#scheduler.between(10, 400), '.');
  }
}
