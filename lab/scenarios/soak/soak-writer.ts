import { Client } from 'pg';
import { z } from 'zod';

import { createEmitter } from '../../../src/application/emit/emit.ts';
import { defineEvents } from '../../../src/application/emit/events.ts';
import { systemClock } from '../../../src/foundation/clock.ts';
import type { Random } from '../../../src/foundation/random.ts';
import type { Poison } from './soak-plan.ts';
import { recordBytesMax, refusedType, soakInstallation } from './soak-tables.ts';

/** Transactions a second, in a closed loop: moderate, so that two cores are enough for everything. */
const ratePerSecond = 20;
const eventKeyCount = 40;
const liveCountWanted = 400;
/** Below it PostgreSQL keeps a value inline, and always sends it. */
const inlineLengthMax = 1_000;
const reconnectPauseMs = 100;

const payloadSchema = z.strictObject({ number: z.int(), text: z.string() });
const soakEvents = defineEvents({ 'soak.noted': payloadSchema, [refusedType]: payloadSchema });
const emit = createEmitter({ installation: soakInstallation });

/**
 * The application: inserts, updates, deletions, changed keys, values out of line, TRUNCATE now and then, and an event in each
 * transaction, with a note of it. Some transactions are rolled back. A commit whose answer was lost with the server is looked
 * up by nobody: the tables tell in the end what was committed.
 */
export class SoakWriter {
  readonly #url: string;
  readonly #random: Random;
  readonly #poisons: Poison[] = [];
  #ids: number[] = [];
  #nextId = 1;
  #number = 0;
  #rowCount = 0;

  constructor(url: string, random: Random) {
    this.#url = url;
    this.#random = random;
  }

  /** Row changes that were committed, as far as this side was told. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Whether every poisoned record that was asked for is committed. */
  get isPoisonWritten(): boolean {
    return this.#poisons.length === 0;
  }

  /** The next transactions bring such a record. */
  poison(kind: Poison): void {
    this.#poisons.push(kind);
  }

  /** Writes until the signal; connects again whenever the server is gone. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#writeOnce(signal);
      } catch {
        // Killed, stopped, starting: whatever it is, the next connection tells.
        await systemClock.sleep(reconnectPauseMs);
      }
    }
  }

  async #writeOnce(signal: AbortSignal): Promise<void> {
    const client = new Client({ connectionString: this.#url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query<{ id: string }>('select id from soak_part order by id');
      this.#ids = rows.map(({ id }) => Number(id));
      let dueMs = systemClock.monotonicMs();
      while (!signal.aborted) {
        const changed = await this.#transact(client);
        this.#rowCount += changed;
        dueMs = Math.max(dueMs + 1000 / ratePerSecond, systemClock.monotonicMs() - 1000);
        await systemClock.sleep(Math.max(0, dueMs - systemClock.monotonicMs()));
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** One transaction; how many rows it changed, 0 when it was rolled back. */
  async #transact(client: Client): Promise<number> {
    const poison = this.#poisons[0];
    const before = { ids: [...this.#ids], nextId: this.#nextId };
    await client.query('begin');
    const count = 1 + this.#below(3);
    for (let index = 0; index < count; index += 1) await this.#changePart(client);
    if (poison === 'large') await this.#makeLarge(client);
    await this.#changeBatch(client);
    await this.#emit(client, poison === 'refused' ? refusedType : 'soak.noted');
    if (poison === undefined && this.#chance(0.08)) {
      await client.query('rollback');
      this.#ids = before.ids;
      return 0;
    }
    await client.query('commit');
    if (poison !== undefined) this.#poisons.shift();
    return count + 1;
  }

  async #changePart(client: Client): Promise<void> {
    const id = this.#ids[this.#below(this.#ids.length)];
    const insertChance = this.#ids.length < liveCountWanted ? 0.45 : 0.2;
    const choice = this.#random.next();
    if (id === undefined || choice < insertChance) return this.#insert(client);
    if (choice < 0.75) {
      await client.query('update soak_part set version = version + 1, note = $2 where id = $1', [id, this.#note()]);
    } else if (choice < 0.82) {
      await client.query('update soak_part set version = version + 1, body = $2 where id = $1', [id, this.#body()]);
    } else if (choice < 0.9) {
      await this.#changeKey(client, id);
    } else {
      await client.query('delete from soak_part where id = $1', [id]);
      this.#ids = this.#ids.filter((other) => other !== id);
    }
  }

  async #insert(client: Client): Promise<void> {
    const id = this.#newId();
    const text = 'insert into soak_part (id, version, note, body) values ($1, 1, $2, $3)';
    await client.query(text, [id, this.#note(), this.#body()]);
    this.#ids.push(id);
  }

  /** A value that stays out of line is not sent: a topic's reader that moves rows between partitions would not have it. */
  async #changeKey(client: Client, id: number): Promise<void> {
    const newId = this.#newId();
    await client.query(
      `update soak_part set id = $2, version = version + 1,
         body = case when length(body) > ${inlineLengthMax} then $3 else body end where id = $1`,
      [id, newId, this.#body()],
    );
    this.#ids = this.#ids.map((other) => (other === id ? newId : other));
  }

  async #makeLarge(client: Client): Promise<void> {
    const id = this.#ids[this.#below(this.#ids.length)];
    const body = 'p'.repeat(recordBytesMax * 1.5);
    await client.query('update soak_part set version = version + 1, body = $2 where id = $1', [id, body]);
  }

  async #changeBatch(client: Client): Promise<void> {
    if (this.#chance(0.01)) await client.query('truncate soak_batch');
    if (this.#chance(0.3))
      await client.query('insert into soak_batch (id, note) values ($1, $2)', [this.#newId(), this.#note()]);
  }

  async #emit(client: Client, type: keyof typeof soakEvents): Promise<void> {
    this.#number += 1;
    const payload = { number: this.#number, text: this.#note() ?? '' };
    const { id } = await emit(client, soakEvents[type], payload, { key: `k${this.#below(eventKeyCount)}` });
    await client.query('insert into soak_sent (id, type) values ($1, $2)', [id, type]);
  }

  #newId(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  #note(): string | null {
    return this.#chance(0.1)
      ? null
      : `note ${this.#below(1_000_000)} | "${String.fromCodePoint(0x1f600 + this.#below(40))}"`;
  }

  #body(): string | null {
    if (this.#chance(0.2)) return null;
    return String(this.#below(10)).repeat(this.#chance(0.2) ? 4_000 + this.#below(8_000) : 40 + this.#below(100));
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  #chance(probability: number): boolean {
    return this.#random.next() < probability;
  }
}
