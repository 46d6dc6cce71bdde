import type { BoundaryReader } from '../../model/freshness.ts';
import type { VersionToken } from '../../model/version-token.ts';

/** One rung: a boundary, and what is really known of it. Success at one says nothing about the next. */
export interface BoundaryStatus {
  /** `postgresql`, `journal`, or the name of a lane. */
  readonly boundary: string;
  /** What keeps the boundary: `postgresql`, `journal`, or the kind of the lane's sink. */
  readonly kind: string;
  /**
   * `committed` in PostgreSQL, `journaled` durably in the journal, `applied` by the sink of the lane as its statement says; `parked`:
   * refused by the sink, or behind such a record; `pending`: not known to have come so far.
   */
  readonly state: 'committed' | 'journaled' | 'applied' | 'parked' | 'pending';
}

/** How far a unit of work has come, boundary by boundary. */
export interface BoundaryLadder {
  readonly outcome: 'committed';
  readonly boundaries: readonly BoundaryStatus[];
}

/**
 * Asks a running service how far what a token stands for has come behind its commit. Waits for nothing.
 * @throws HW-TOKEN-001…004, HW-TOKEN-008; rejects with `signal.reason` on cancel
 */
export async function readLadder(
  token: VersionToken,
  service: BoundaryReader,
  signal?: AbortSignal,
): Promise<BoundaryLadder> {
  const { journal, lanes } = await service.readBoundaries(token, signal);
  return {
    outcome: 'committed',
    boundaries: [
      { boundary: 'postgresql', kind: 'postgresql', state: 'committed' },
      { boundary: 'journal', kind: 'journal', state: journal },
      ...lanes.map(({ lane, sink, state }) => ({ boundary: lane, kind: sink, state })),
    ],
  };
}
