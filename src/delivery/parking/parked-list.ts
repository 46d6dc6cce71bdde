import { assertInvariant } from '../../foundation/assert.ts';
import { comparePlaces, type ParkedOrder, type ParkedRecord, placeText, type RecordPlace } from './parked-record.ts';

/**
 * The parked records of a lane in journal order, and what follows from them. Pure.
 *
 * I1  A record that shares a key with an earlier parked one is behind it, and so waits; nobody else does.
 * I2  A release never holds a record whose earlier ones of a shared key are neither delivered nor in front of it in the release.
 */
export class ParkedList {
  /** In journal order. */
  readonly #records: ParkedRecord[] = [];
  readonly #byPlace = new Map<string, ParkedRecord>();
  readonly #byKey = new Map<string, ParkedRecord[]>();
  #truncates: ParkedRecord[] = [];
  #poisonedCount = 0;

  get recordCount(): number {
    return this.#records.length;
  }

  /** Records that failed; the others wait behind them. */
  get poisonedCount(): number {
    return this.#poisonedCount;
  }

  /** In journal order. */
  get records(): readonly ParkedRecord[] {
    return this.#records;
  }

  at(place: RecordPlace): ParkedRecord | undefined {
    return this.#records.length === 0 ? undefined : this.#byPlace.get(placeText(place));
  }

  /** Adds a record, or replaces the one at its place. */
  put(record: ParkedRecord): void {
    this.remove(record);
    let index = this.#records.length;
    for (let before = this.#records[index - 1]; before !== undefined && comparePlaces(before, record) > 0;) {
      index -= 1;
      before = this.#records[index - 1];
    }
    this.#records.splice(index, 0, record);
    this.#byPlace.set(placeText(record), record);
    if (record.failure !== undefined) this.#poisonedCount += 1;
    if (record.order.kind === 'tables') this.#truncates.push(record);
    if (record.order.kind !== 'keys') return;
    for (const key of record.order.keys) {
      const line = this.#byKey.get(key);
      if (line === undefined) this.#byKey.set(key, [record]);
      else line.push(record);
    }
  }

  remove(place: RecordPlace): void {
    const record = this.at(place);
    if (record === undefined) return;
    const index = this.#records.indexOf(record);
    assertInvariant(index !== -1, 'a parked record is listed');
    this.#records.splice(index, 1);
    this.#byPlace.delete(placeText(record));
    if (record.failure !== undefined) this.#poisonedCount -= 1;
    this.#truncates = this.#truncates.filter((one) => one !== record);
    if (record.order.kind !== 'keys') return;
    for (const key of record.order.keys) {
      const rest = this.#byKey.get(key)?.filter((one) => one !== record) ?? [];
      if (rest.length === 0) this.#byKey.delete(key);
      else this.#byKey.set(key, rest);
    }
  }

  /** Whether a record at the place must wait for an earlier one that is parked. */
  isBehind(place: RecordPlace, order: ParkedOrder): boolean {
    if (this.#records.length === 0 || order.kind === 'free') return false;
    const isEarlier = (record: ParkedRecord): boolean => comparePlaces(record, place) < 0;
    if (this.#truncates.some((truncate) => isEarlier(truncate) && sharesKey(truncate.order, order))) return true;
    if (order.kind === 'keys') return order.keys.some((key) => this.#byKey.get(key)?.some(isEarlier) === true);
    return [...this.#byKey].some(([key, line]) => isKeyOf(key, order.tables) && line.some(isEarlier));
  }

  /** What may be delivered next, in this order: nothing that failed unless it is to be tried again, and nothing behind it. */
  planRelease(countMax: number): readonly ParkedRecord[] {
    const release: ParkedRecord[] = [];
    const held = new HeldKeys();
    for (const record of this.#records) {
      if (release.length >= countMax) break;
      const isHeld = record.failure?.isRetrying === false || held.holds(record.order);
      if (isHeld) held.add(record.order);
      else release.push(record);
    }
    return release;
  }

  /** The failed record behind which each other one waits, the first of several, by text of the other one's place. */
  findHeads(): ReadonlyMap<string, ParkedRecord> {
    const lines = this.#records.flatMap((head) =>
      head.failure === undefined ? [] : [{ head, held: new HeldKeys(head.order) }],
    );
    const heads = new Map<string, ParkedRecord>();
    for (const record of this.#records) {
      const line =
        record.failure === undefined
          ? lines.find(({ head, held }) => comparePlaces(head, record) < 0 && held.holds(record.order))
          : undefined;
      if (line === undefined) continue;
      line.held.add(record.order);
      heads.set(placeText(record), line.head);
    }
    return heads;
  }
}

/** Keys and tables that nothing may pass. */
class HeldKeys {
  readonly #keys = new Set<string>();
  readonly #truncated: ParkedOrder[] = [];

  constructor(order: ParkedOrder = { kind: 'free' }) {
    this.add(order);
  }

  add(order: ParkedOrder): void {
    if (order.kind === 'keys') for (const key of order.keys) this.#keys.add(key);
    if (order.kind === 'tables') this.#truncated.push(order);
  }

  holds(order: ParkedOrder): boolean {
    if (order.kind === 'free') return false;
    if (this.#truncated.some((one) => sharesKey(one, order))) return true;
    if (order.kind === 'keys') return order.keys.some((key) => this.#keys.has(key));
    return [...this.#keys].some((key) => isKeyOf(key, order.tables));
  }
}

/** Of a TRUNCATE and another record. */
function sharesKey(truncate: ParkedOrder, order: ParkedOrder): boolean {
  if (truncate.kind !== 'tables') return false;
  if (order.kind === 'keys') return order.keys.some((key) => isKeyOf(key, truncate.tables));
  return order.kind === 'tables' && order.tables.some((table) => truncate.tables.includes(table));
}

/** The default key of a row begins with its table; the whole table is one key where rows cannot be told apart. */
function isKeyOf(key: string, tables: readonly string[]): boolean {
  return tables.some((table) => key === table || key.startsWith(`${table}|`));
}
