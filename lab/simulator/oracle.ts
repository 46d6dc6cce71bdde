import type { Checkpoint } from '../../src/delivery/checkpoint.ts';
import { isRecord, type SimulatedChange } from './simulated-change.ts';
import type { SimulatedServer } from './simulated-server.ts';

/** A record at its place in the order of all commits. */
interface ExpectedRecord {
  readonly sequence: bigint;
  readonly ordinal: number;
  readonly change: SimulatedChange;
}

/** Knows from the server what committed, and says what contradicts it. Nothing here comes from the code under test. */
export class Oracle {
  readonly violations: string[] = [];
  readonly #server: SimulatedServer;
  readonly #expected: ExpectedRecord[] = [];
  #transactionCount = 0;

  constructor(server: SimulatedServer) {
    this.#server = server;
  }

  violate(what: string): void {
    this.violations.push(what);
  }

  expected(): readonly ExpectedRecord[] {
    for (; this.#transactionCount < this.#server.delivered.length; this.#transactionCount += 1) {
      const changes = this.#server.delivered[this.#transactionCount]?.changes.filter(({ change }) => isRecord(change));
      const sequence = BigInt(this.#transactionCount + 1);
      for (const [ordinal, { change }] of changes?.entries() ?? []) this.#expected.push({ sequence, ordinal, change });
    }
    return this.#expected;
  }

  /** How many records a checkpoint says are done. */
  countBefore({ sequence, recordCount }: Pick<Checkpoint, 'sequence' | 'recordCount'>): number {
    const expected = this.expected();
    const index = expected.findIndex(
      (record) => record.sequence > sequence && (record.sequence > sequence + 1n || record.ordinal >= recordCount),
    );
    return index === -1 ? expected.length : index;
  }

  /** `confirmed ≤ durable`: the journal of the process that confirms must hold what is confirmed. */
  checkConfirmed(confirmedLsn: bigint, durableLsn: bigint): void {
    const server = this.#server;
    if (confirmedLsn > durableLsn) {
      this.violate(`confirmed ${confirmedLsn.toString(16)}, durable is ${durableLsn.toString(16)}`);
    }
    if (confirmedLsn > server.toldLsn) server.toldLsn = confirmedLsn;
  }

  /** What a journal recovered covers all that was ever confirmed, and every transaction that any store has. */
  checkRecovered(recovered: { readonly recordedLsn: bigint; readonly sequence: bigint }, storedSequence: bigint): void {
    const { toldLsn, delivered } = this.#server;
    if (recovered.recordedLsn < toldLsn) {
      this.violate(`the slot was told ${toldLsn.toString(16)}, recovered is ${recovered.recordedLsn.toString(16)}`);
    }
    if (recovered.sequence < storedSequence) {
      this.violate(`a store has sequence ${storedSequence}, recovered is ${recovered.sequence}`);
    }
    if (recovered.sequence > BigInt(delivered.length)) {
      this.violate(`recovered sequence ${recovered.sequence}, only ${delivered.length} committed`);
    }
  }
}
