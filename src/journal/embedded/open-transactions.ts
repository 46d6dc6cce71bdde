import type { BodyFragment } from '../../capture/change-recorder.ts';
import { frameKind } from './frame.ts';
import { openSpoolName, spoolName } from './journal-paths.ts';
import type { JournalWriterOptions } from './journal-writer-options.ts';
import { OpenSpool, type WrittenFragment } from './open-spool.ts';
import type { SegmentAppender } from './segment-appender.ts';
import type { SpoolReference } from './spool-reference.ts';

/** The one open transaction whose fragments go straight into the segment, as long as nothing comes in between. */
export interface StraightTransaction {
  readonly xid: number;
  readonly fragments: WrittenFragment[];
  messageCount: number;
  bodyByteCount: number;
  fragmentsCrc: number;
}

/** Transactions that have begun and not ended: at most one straight, all others in spools. */
export class OpenTransactions {
  readonly #options: Pick<JournalWriterOptions, 'journalId' | 'epoch' | 'clock'>;
  readonly #segments: SegmentAppender;
  readonly #spools = new Map<number, OpenSpool>();
  #lastSpoolNumber: number;
  straight: StraightTransaction | undefined;

  constructor(options: JournalWriterOptions, segments: SegmentAppender) {
    this.#options = options;
    this.#segments = segments;
    this.#lastSpoolNumber = options.lastSpoolNumber;
  }

  /** Whether the transaction's next fragment can go straight into the segment. */
  isStraight(xid: number, subxid: number): boolean {
    if (this.straight !== undefined) return this.straight.xid === xid && subxid === xid;
    return this.#spools.size === 0 && subxid === xid;
  }

  spool(xid: number): OpenSpool | undefined {
    return this.#spools.get(xid);
  }

  forgetSpool(xid: number): void {
    this.#spools.delete(xid);
  }

  begin(xid: number): StraightTransaction {
    const begun: StraightTransaction = { xid, fragments: [], messageCount: 0, bodyByteCount: 0, fragmentsCrc: 0 };
    this.straight = begun;
    return begun;
  }

  /** The spool of an open transaction, begun now if it has none. */
  spoolOf(xid: number): OpenSpool {
    this.moveStraightToSpool();
    return this.#spools.get(xid) ?? this.#createSpool(xid);
  }

  /** Something comes in between: what lies in the segment is copied to a spool, and a drop frame says so. */
  moveStraightToSpool(): void {
    const { straight } = this;
    if (straight === undefined) return;
    this.dropStraight();
    const spool = this.#createSpool(straight.xid);
    for (const fragment of straight.fragments) {
      this.#segments.push({ kind: 'spool-copy', spool, offset: spool.reserve(fragment), fragment });
    }
  }

  dropStraight(): void {
    const { straight } = this;
    if (straight === undefined) return;
    this.straight = undefined;
    this.#segments.appendControl(frameKind.drop, straight.xid, new Uint8Array(0));
  }

  finishSpool(xid: number): SpoolReference {
    const spool = this.spoolOf(xid);
    this.forgetSpool(xid);
    const name = spoolName(this.#segments.segment, this.#options.epoch, spool.number);
    this.#segments.push({ kind: 'spool-finish', spool, name });
    return spool.toReference(name);
  }

  #createSpool(xid: number): OpenSpool {
    const { journalId, epoch, clock } = this.#options;
    this.#lastSpoolNumber += 1;
    const number = this.#lastSpoolNumber;
    const createdMicros = BigInt(Math.floor(clock.now() * 1000));
    const spool = new OpenSpool(openSpoolName(epoch, number), { journalId, epoch, number, createdMicros });
    this.#spools.set(xid, spool);
    this.#segments.push({ kind: 'spool-create', spool });
    return spool;
  }
}

/** Of a commit whose messages all stand before it. */
export const emptyFragment: BodyFragment = { encoding: 'pgoutput-copy/1', body: [], messageCount: 0 };

/** Length of all slices of a fragment. */
export function fragmentByteCount({ body }: BodyFragment): number {
  let sum = 0;
  for (const slice of body) sum += slice.length;
  return sum;
}
