import type { Checkpoint } from '../../src/delivery/checkpoint.ts';
import type { OutboundRecord } from '../../src/delivery/sink.ts';
import type { Oracle } from './oracle.ts';
import { describeChange, describeRecord, keysOf, type SimulatedChange } from './simulated-change.ts';
import type { SimulatedServer } from './simulated-server.ts';

/** How a store must take its records. */
export type StoreOrder = 'total' | 'per-key';

/** What one store has taken, checked record by record against what committed. */
export class StoreLedger {
  readonly #oracle: Oracle;
  readonly #server: SimulatedServer;
  readonly #name: string;
  readonly #order: StoreOrder;
  readonly #isWanted: (change: SimulatedChange) => boolean;
  readonly #taken = new Set<number>();
  readonly #lastOfKey = new Map<string, number>();
  /** Everything before it is taken or not wanted. */
  #doneCount = 0;
  lastSequence = 0n;

  constructor(options: {
    readonly oracle: Oracle;
    readonly server: SimulatedServer;
    readonly name: string;
    readonly order: StoreOrder;
    readonly isWanted: (change: SimulatedChange) => boolean;
  }) {
    this.#oracle = options.oracle;
    this.#server = options.server;
    this.#name = options.name;
    this.#order = options.order;
    this.#isWanted = options.isWanted;
  }

  get doneCount(): number {
    const expected = this.#oracle.expected();
    for (; this.#doneCount < expected.length; this.#doneCount += 1) {
      const change = expected[this.#doneCount]?.change;
      if (change !== undefined && this.#isWanted(change) && !this.#taken.has(this.#doneCount)) break;
    }
    return this.#doneCount;
  }

  get isComplete(): boolean {
    return this.doneCount === this.#oracle.expected().length;
  }

  /** A record took effect for the first time. */
  take(outbound: OutboundRecord): void {
    const { header, record } = outbound;
    const place = `${this.#name}: ${header.sequence}/${record.ordinal}`;
    const transaction = this.#server.delivered[Number(header.sequence) - 1];
    const expected = this.#oracle.expected();
    const index = expected.findIndex((one) => one.sequence === header.sequence && one.ordinal === record.ordinal);
    const found = expected[index];
    if (transaction === undefined || found === undefined) {
      this.#oracle.violate(`${place} was never committed: ${describeRecord(record)}`);
      return;
    }
    if (transaction.endLsn !== header.commitEndLsn || transaction.xid !== header.xid) {
      this.#oracle.violate(`${place} stands for another transaction than committed there`);
    }
    if (describeChange(found.change) !== describeRecord(record)) {
      this.#oracle.violate(`${place} is "${describeRecord(record)}", committed was "${describeChange(found.change)}"`);
    }
    if (this.#taken.has(index)) this.#oracle.violate(`${place} took effect twice`);
    this.#checkOrder(index, found.change, place);
    this.#taken.add(index);
    if (header.sequence > this.lastSequence) this.lastSequence = header.sequence;
  }

  /** A checkpoint never passes what the store took. */
  checkCheckpoint(checkpoint: Checkpoint): void {
    const wanted = this.#oracle.countBefore(checkpoint);
    if (this.doneCount < wanted) {
      const { sequence, recordCount } = checkpoint;
      this.#oracle.violate(`${this.#name}: a checkpoint at ${sequence}+${recordCount} passes record ${this.doneCount}`);
    }
  }

  #checkOrder(index: number, change: SimulatedChange, place: string): void {
    if (this.#order === 'total') {
      if (this.doneCount !== index) this.#oracle.violate(`${place} came, expected was record ${this.doneCount}`);
      return;
    }
    for (const key of keysOf(change)) {
      const rivals =
        key === '*' ? [...this.#lastOfKey.keys()].filter(isRowKey) : key.startsWith('row') ? [key, '*'] : [key];
      for (const rival of rivals) {
        const last = this.#lastOfKey.get(rival);
        if (last !== undefined && last > index) this.#oracle.violate(`${place} came behind a later one of ${rival}`);
      }
    }
    for (const key of keysOf(change)) this.#lastOfKey.set(key, index);
  }
}

function isRowKey(key: string): boolean {
  return key === '*' || key.startsWith('row');
}
