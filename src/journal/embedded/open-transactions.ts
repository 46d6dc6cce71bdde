import type { BodyFragment } from '../../capture/change-recorder.ts';
import type { OpenSpool, WrittenFragment } from './open-spool.ts';

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
  straight: StraightTransaction | undefined;
  readonly #spools = new Map<number, OpenSpool>();

  /** Whether the transaction's next fragment can go straight into the segment. */
  isStraight(xid: number, subxid: number): boolean {
    if (this.straight !== undefined) return this.straight.xid === xid && subxid === xid;
    return this.#spools.size === 0 && subxid === xid;
  }

  spool(xid: number): OpenSpool | undefined {
    return this.#spools.get(xid);
  }

  keepSpool(xid: number, spool: OpenSpool): void {
    this.#spools.set(xid, spool);
  }

  forgetSpool(xid: number): void {
    this.#spools.delete(xid);
  }

  begin(xid: number): StraightTransaction {
    const begun: StraightTransaction = { xid, fragments: [], messageCount: 0, bodyByteCount: 0, fragmentsCrc: 0 };
    this.straight = begun;
    return begun;
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
