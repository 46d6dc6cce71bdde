import type { ChangeRecorder } from '../../../capture/change-recorder.ts';
import type { Random } from '../../../foundation/random.ts';
import { toLsn } from '../../../model/lsn.ts';
import { boundaryOf, fragmentOf, schemaOf, sourceStart, testSource } from '../../testing/journal-writes.ts';

interface OpenTransaction {
  readonly xid: number;
  parts: { readonly subxid: number; readonly text: string }[];
}

/**
 * Appends whatever a source may send, by chance, and knows what must come of it. Survives the recorder: after a crash it goes on
 * behind what was recorded, as a source does that sends the rest again.
 */
export class RandomWrites {
  readonly #random: Random;
  /** Texts of all transactions that were committed to the recorder, in order. */
  readonly committed: string[] = [];
  /** How many of them a flush has confirmed. */
  durableCount = 0;
  #open: OpenTransaction[] = [];
  readonly #prepared = new Map<string, { readonly xid: number; readonly text: string }>();
  #xid = 100;
  #number = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Begins with a recorder that holds the first `visibleCount` transactions. */
  resume(recorder: ChangeRecorder, visibleCount: number): void {
    this.committed.length = visibleCount;
    this.durableCount = visibleCount;
    this.#open = [];
    const { recordedLsn, source } = recorder.state;
    this.#number = Math.max(this.#number, Number((recordedLsn - 1000n) / 100n) + 1);
    if (source === undefined) recorder.recordSource(testSource, sourceStart, 'initial');
  }

  /** One append or flush. */
  async step(recorder: ChangeRecorder): Promise<void> {
    const choice = this.#random.next();
    if (choice < 0.35)
      this.#commit(this.#text(), (number) =>
        recorder.appendTransaction(boundaryOf(number), this.#fragment, this.#schemas()),
      );
    else if (choice < 0.55) this.#appendFragment(recorder);
    else if (choice < 0.65) this.#commitOpen(recorder);
    else if (choice < 0.7) this.#abort(recorder);
    else if (choice < 0.76) this.#prepare(recorder);
    else if (choice < 0.8) this.#decide(recorder);
    else if (choice < 0.83) recorder.recordProgress(toLsn(1060n + 100n * BigInt(this.#number)));
    else await this.#flush(recorder);
  }

  #fragment = fragmentOf('');

  #text(): string {
    const length = this.#random.next() < 0.1 ? 6000 : Math.floor(this.#random.next() * 200);
    const text = `${this.committed.length}:${'abcdefgh'[Math.floor(this.#random.next() * 8)] ?? ''}`.padEnd(
      length,
      '.',
    );
    this.#fragment = fragmentOf(text);
    return text;
  }

  #schemas(): ReturnType<typeof schemaOf>[] {
    return this.#random.next() < 0.2 ? [schemaOf(1 + Math.floor(this.#random.next() * 3), 'schema')] : [];
  }

  #commit(text: string, append: (number: number) => void): void {
    this.#number += 1;
    append(this.#number);
    this.committed.push(text);
  }

  #appendFragment(recorder: ChangeRecorder): void {
    const isNew = this.#open.length === 0 || (this.#open.length < 3 && this.#random.next() < 0.3);
    const transaction = isNew ? this.#begin() : this.#pick();
    if (transaction === undefined) return;
    const subxid =
      this.#random.next() < 0.8 ? transaction.xid : transaction.xid * 1000 + Math.floor(this.#random.next() * 3);
    const text = this.#text();
    recorder.appendFragment(transaction.xid, subxid, this.#fragment);
    transaction.parts.push({ subxid, text });
    if (subxid !== transaction.xid && this.#random.next() < 0.3) {
      recorder.abortSubtransaction(transaction.xid, subxid);
      transaction.parts = transaction.parts.filter((part) => part.subxid !== subxid);
      // A subtransaction that was rolled back never writes again.
      this.#finish(transaction);
      recorder.abortTransaction(transaction.xid);
    }
  }

  #commitOpen(recorder: ChangeRecorder): void {
    const transaction = this.#pick();
    if (transaction === undefined) return;
    this.#finish(transaction);
    const text = transaction.parts.map((part) => part.text).join('');
    this.#commit(text, (number) => recorder.commitTransaction(boundaryOf(number, transaction.xid), this.#schemas()));
  }

  #abort(recorder: ChangeRecorder): void {
    const transaction = this.#pick();
    if (transaction === undefined) return;
    this.#finish(transaction);
    recorder.abortTransaction(transaction.xid);
  }

  #prepare(recorder: ChangeRecorder): void {
    const transaction = this.#pick();
    if (transaction === undefined) return;
    this.#finish(transaction);
    this.#number += 1;
    const gid = `gid-${transaction.xid}`;
    recorder.prepareTransaction(transaction.xid, gid, boundaryOf(this.#number).commitEndLsn);
    this.#prepared.set(gid, { xid: transaction.xid, text: transaction.parts.map((part) => part.text).join('') });
    this.#undecided.push(gid);
  }

  #undecided: string[] = [];

  #decide(recorder: ChangeRecorder): void {
    const gid = this.#undecided.shift() ?? '';
    const prepared = this.#prepared.get(gid);
    if (prepared === undefined) return;
    if (this.#random.next() < 0.3) {
      this.#number += 1;
      recorder.rollbackPrepared(gid, boundaryOf(this.#number).commitEndLsn);
    } else {
      this.#commit(prepared.text, (number) => recorder.commitPrepared(gid, boundaryOf(number, prepared.xid), []));
    }
  }

  /** Which prepared transactions wait, as a recorder found them after a crash. */
  adoptPrepared(gids: readonly string[]): void {
    this.#undecided = [...gids];
  }

  async #flush(recorder: ChangeRecorder): Promise<void> {
    const { sequence } = await recorder.flush();
    this.durableCount = Math.max(this.durableCount, Number(sequence));
  }

  #begin(): OpenTransaction {
    this.#xid += 1;
    const transaction = { xid: this.#xid, parts: [] };
    this.#open.push(transaction);
    return transaction;
  }

  #pick(): OpenTransaction | undefined {
    return this.#open[Math.floor(this.#random.next() * this.#open.length)];
  }

  #finish(transaction: OpenTransaction): void {
    this.#open = this.#open.filter((open) => open !== transaction);
  }
}
