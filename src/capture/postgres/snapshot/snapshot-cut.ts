import type { Lsn } from '../../../model/lsn.ts';
import type { TransactionBegin, TransactionGate } from '../replication/transaction-gate.ts';

/*
 * Where the rows of a snapshot stand among the commits of the stream. No I/O, no clock.
 *
 * A snapshot's rows may be placed between two commits when every transaction before that place was visible to the snapshot
 * and none behind it: then no key goes back in time, no deleted row rises again, and an UPDATE that leaves a stored-out-of-line
 * value as it was finds the row that holds it. PostgreSQL does not promise that there is such a place, for a transaction becomes
 * visible a moment after its commit record is written, and two may do so in another order. So it is looked for, and a
 * snapshot without one is given up.
 *
 *             invisible begin                         visible begin
 *   closed ─► passing ─────────────► held ───────────────────────► unfit
 *               │ end reached          │ end reached
 *               └──────► fit ◄─────────┘     `end`: everything that the snapshot can have seen was written before it
 *
 * `fit`: the next transaction is held in any case, and the rows are placed in front of it.
 */

/** What a transaction of the snapshot's session is told by `pg_current_snapshot`, and where the WAL ended behind it. */
export interface SnapshotCut {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly inProgress: ReadonlySet<bigint>;
  /** No commit that the snapshot sees was written at or behind it. */
  readonly endLsn: Lsn;
}

/** Reads `xmin:xmax:xid,xid`, https://www.postgresql.org/docs/18/functions-info.html#FUNCTIONS-PG-SNAPSHOT-PARTS */
export function parseSnapshot(text: string, endLsn: Lsn): SnapshotCut | undefined {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
  if (match === null) return undefined;
  const [, xmin = '', xmax = '', list = ''] = match;
  const inProgress = new Set(list === '' ? [] : list.split(',').map(BigInt));
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), inProgress, endLsn };
}

/**
 * Whether the snapshot sees a committed transaction. The stream tells the low 32 bits of its id; the rest is that of the
 * nearest id to the snapshot's, for PostgreSQL never has ids in use that are further apart.
 */
export function isVisible(cut: SnapshotCut, xid: number): boolean {
  const distance = (xid - Number(BigInt.asUintN(32, cut.xmax))) | 0;
  if (distance >= 0) return false;
  const full = cut.xmax + BigInt(distance);
  return full < cut.xmin || !cut.inProgress.has(full);
}

/** Whether the rows of a snapshot have a place among the commits. */
export type CutVerdict = 'fit' | 'unfit';

type GateState = 'closed' | 'passing' | 'held' | CutVerdict;

/** Lets the stream come to the place of a snapshot and no further. */
export class CutGate implements TransactionGate {
  #state: GateState = 'closed';
  #cut: SnapshotCut | undefined;

  /** Undefined while it is not known. */
  get verdict(): CutVerdict | undefined {
    return this.#state === 'fit' || this.#state === 'unfit' ? this.#state : undefined;
  }

  /** The snapshot is taken. `recentXids`: what the stream has passed already; one that the snapshot does not see spoils it. */
  open(cut: SnapshotCut, recentXids: Iterable<number>): void {
    this.#cut = cut;
    this.#state = 'passing';
    for (const xid of recentXids) {
      if (xid === 0 || isVisible(cut, xid)) continue;
      this.#state = 'unfit';
      return;
    }
  }

  mayPass({ xid, commitLsn }: TransactionBegin): boolean {
    if (this.#state !== 'passing' || this.#cut === undefined) return this.#state === 'unfit';
    if (isVisible(this.#cut, xid)) {
      // The snapshot cannot have seen it: its ids are not those of this server's history.
      if (commitLsn >= this.#cut.endLsn) this.#state = 'unfit';
      return true;
    }
    this.#state = 'held';
    this.look({ xid, commitLsn });
    return false;
  }

  /** A transaction behind the held one, looked at and not taken. */
  look({ xid, commitLsn }: TransactionBegin): void {
    if (this.#state !== 'held' || this.#cut === undefined) return;
    if (isVisible(this.#cut, xid)) this.#state = 'unfit';
    else this.passed(commitLsn);
  }

  passed(lsn: Lsn): void {
    const isUndecided = this.#state === 'passing' || this.#state === 'held';
    if (isUndecided && this.#cut !== undefined && lsn >= this.#cut.endLsn) this.#state = 'fit';
  }
}
