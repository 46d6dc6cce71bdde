import { checkpointAfter } from '../../batch-planner.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import type { OutboundBatch } from '../../sink.ts';

/** Records that are written together, and the place behind them. */
export interface BatchPart extends Pick<OutboundBatch, 'records' | 'from'> {
  readonly to: Checkpoint;
}

/**
 * A batch that ends inside a transaction, cut behind the last whole one that it holds records of: a file may be finished there.
 * Undefined when there is no such place in it. Pure.
 */
export function splitAtLastEnd({ from, records, to }: OutboundBatch): readonly [BatchPart, BatchPart] | undefined {
  const last = records.at(-1);
  if (last === undefined || to.recordCount === 0) return undefined;
  // The transaction that goes on is the one behind `to`; the filter may have left out all that the batch had of it.
  const open = to.sequence + 1n;
  const count = records.findIndex(({ header }) => header.sequence === open);
  const before = count === -1 ? last : records[count - 1];
  if (before === undefined) return undefined;
  const end = checkpointAfter(from.journalId, before.header);
  const split = count === -1 ? records.length : count;
  return [
    { records: records.slice(0, split), from, to: end },
    { records: records.slice(split), from: end, to },
  ];
}
