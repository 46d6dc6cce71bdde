import type { Checkpoint } from '../../src/delivery/checkpoint.ts';
import type { RecordPlace } from '../../src/delivery/parking/parked-record.ts';
import { toSequence } from '../../src/model/position.ts';
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
  readonly #isParked: (place: RecordPlace) => boolean;
  readonly #dropped = new Set<number>();
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
    /** Whether the durable state lists the record as parked. */
    readonly isParked: (place: RecordPlace) => boolean;
  }) {
    this.#oracle = options.oracle;
    this.#server = options.server;
    this.#name = options.name;
    this.#order = options.order;
    this.#isWanted = options.isWanted;
    this.#isParked = options.isParked;
  }

  get doneCount(): number {
    const expected = this.#oracle.expected();
    for (; this.#doneCount < expected.length; this.#doneCount += 1) {
      if (!this.#isDone(this.#doneCount)) break;
    }
    return this.#doneCount;
  }

  /** Taken, not wanted, or dropped. */
  #isDone(index: number): boolean {
    const change = this.#oracle.expected()[index]?.change;
    return change === undefined || !this.#isWanted(change) || this.#taken.has(index) || this.#dropped.has(index);
  }

  get hasDropped(): boolean {
    return this.#dropped.size > 0;
  }

  /** Somebody gave a parked record up, and was told that it is durable. */
  drop(place: RecordPlace): void {
    const index = this.#indexOf(place);
    if (this.#taken.has(index)) this.#oracle.violate(`${this.#name}: ${index} was taken and could still be dropped`);
    this.#dropped.add(index);
  }

  #indexOf({ sequence, ordinal }: RecordPlace): number {
    return this.#oracle.expected().findIndex((one) => one.sequence === sequence && one.ordinal === ordinal);
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
    const index = this.#indexOf({ sequence: header.sequence, ordinal: record.ordinal });
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
    if (this.#dropped.has(index)) this.#oracle.violate(`${place} took effect, and was dropped`);
    this.#checkOrder(index, found.change, place);
    this.#taken.add(index);
    if (header.sequence > this.lastSequence) this.lastSequence = header.sequence;
  }

  /** A checkpoint passes only what the store took, and what is durably listed as parked or dropped. */
  checkCheckpoint(checkpoint: Checkpoint): void {
    const wanted = this.#oracle.countBefore(checkpoint);
    const expected = this.#oracle.expected();
    for (let index = this.doneCount; index < wanted; index += 1) {
      const place = expected[index];
      if (
        place === undefined ||
        this.#isDone(index) ||
        this.#isParked({ ...place, sequence: toSequence(place.sequence) })
      )
        continue;
      const { sequence, recordCount } = checkpoint;
      this.#oracle.violate(`${this.#name}: a checkpoint at ${sequence}+${recordCount} passes record ${index}`);
      return;
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
      this.#checkEarlier(index, key, place);
      for (const rival of rivals) {
        const last = this.#lastOfKey.get(rival);
        if (last !== undefined && last > index) this.#oracle.violate(`${place} came behind a later one of ${rival}`);
      }
    }
    for (const key of keysOf(change)) this.#lastOfKey.set(key, index);
  }

  /** What came before it in the order of its key is taken, or given up: a parked record holds those behind it. */
  #checkEarlier(index: number, key: string, place: string): void {
    const expected = this.#oracle.expected();
    for (let earlier = this.doneCount; earlier < index; earlier += 1) {
      const change = expected[earlier]?.change;
      if (change === undefined || this.#isDone(earlier) || !keysOf(change).some((one) => isSameLine(one, key)))
        continue;
      this.#oracle.violate(`${place} overtook record ${earlier} of ${key}`);
    }
  }
}

function isSameLine(one: string, other: string): boolean {
  return one === other || (isRowKey(one) && isRowKey(other) && (one === '*' || other === '*'));
}

function isRowKey(key: string): boolean {
  return key === '*' || key.startsWith('row');
}
