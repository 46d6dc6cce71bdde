import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import type { Sequence } from '../../model/position.ts';
import { messagesOf } from './commit-record.ts';
import { bodyEncodingName, type Frame } from './frame.ts';
import type { JournalFiles } from './journal-files.ts';
import type { WalkStart } from './place-finder.ts';
import type { ReadRoom } from './read-rooms.ts';
import type { FoldStep } from './segment-fold.ts';
import { type SegmentBeginning, SegmentWalk } from './segment-walk.ts';
import { readSpool } from './spool-reader.ts';

/** Where one transaction is to be found. */
export interface TransactionPlace {
  readonly beginning: SegmentBeginning;
  readonly sequence: Sequence;
  /** How much of the segment is durable. */
  readonly limit: number;
  /** A place of the segment's index before the transaction. */
  readonly start: WalkStart;
  /** Records hold as long as it is lent. */
  readonly room: ReadRoom;
}

type CommitStep = Extract<FoldStep, { kind: 'commit' | 'spooled-commit' }>;

/** The most that is read at once, should the next place lie far away. */
const loadByteCountMax = 512 * 1024;

/**
 * The records of one transaction, without those around it: what lies between the place and the transaction is checked and
 * not decoded, and what lies behind it is not read. Nothing when the segment does not hold the transaction.
 * @throws HW-JOURNAL-005, -006
 */
export async function* readSingleTransaction(
  files: JournalFiles,
  { beginning, sequence, limit, start, room }: TransactionPlace,
  decoder: TransactionDecoder,
): AsyncGenerator<readonly JournalRecord[]> {
  const loadByteCount = Math.min(start.byteCount, loadByteCountMax);
  await using walk = await SegmentWalk.resume(beginning, { limit, start, loadByteCount, room });
  for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
    if (step.kind === 'more') {
      await walk.load(step.byteCount);
      continue;
    }
    if (step.kind !== 'commit' && step.kind !== 'spooled-commit') continue;
    if (step.record.sequence < sequence) continue;
    if (step.record.sequence > sequence) return;
    for (const entry of walk.fold.head.schemas) decoder.learnSchema(entry.message);
    for await (const { body, encoding } of bodiesOf(files, walk, step)) {
      if (body.length > 0) yield decoder.decodeBody(bodyEncodingName(encoding), body, 0).records;
    }
    return;
  }
}

async function* bodiesOf(
  files: JournalFiles,
  walk: SegmentWalk,
  commit: CommitStep,
): AsyncGenerator<Pick<Frame, 'body' | 'encoding'>> {
  if (commit.kind === 'spooled-commit') {
    yield* readSpool({ ...files, reference: commit.spool });
    return;
  }
  // Its fragments were passed before it was known whose they are, so they are read a second time: they may be many.
  for (let offset = commit.record.firstFragmentOffset; offset < commit.frame.offset;) {
    const fragment = await walk.readAgain(offset);
    yield fragment;
    offset = fragment.end;
  }
  yield { body: messagesOf(commit.frame), encoding: commit.frame.encoding };
}
