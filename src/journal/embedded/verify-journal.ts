import { assertInvariant } from '../../foundation/assert.ts';
import type { Disk } from '../../foundation/disk.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Sequence, sequenceZero } from '../../model/position.ts';
import type { CommitRecord } from './commit-record.ts';
import { corruptBytes, missingFile } from './corruption.ts';
import type { JournalFiles } from './journal-files.ts';
import { journalPaths, segmentPath } from './journal-paths.ts';
import { readCatalog, type SegmentSummary } from './segment-catalog.ts';
import { readFileHeader } from './segment-file.ts';
import { SegmentWalk } from './segment-walk.ts';
import { readSpool } from './spool-reader.ts';
import type { SpoolReference } from './spool-reference.ts';
import { scanTail } from './tail-scan.ts';

/** How far a verification has come. */
export interface VerifyProgress {
  readonly segment: number;
  readonly byteCount: number;
  readonly totalByteCount: number;
}

/** What a verification found. */
export interface VerifyReport {
  readonly journalId: string | undefined;
  readonly segmentCount: number;
  readonly byteCount: number;
  readonly transactionCount: number;
  readonly firstSequence: Sequence;
  readonly lastSequence: Sequence;
  /** Bytes behind the last whole unit: what the next start would cut. A running writer has some now and then. */
  readonly tailByteCount: number;
  /** The first thing that does not hold; undefined when all does. */
  readonly problem: HeadwaterError | undefined;
}

/** What a verification works with. */
export interface VerifyOptions {
  readonly disk: Disk;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/**
 * Reads every byte of a journal and checks every rule of its format. Changes nothing, needs no lock, and may run beside a
 * writer. Rejects with `signal.reason` on cancel; what is found wrong is part of the report.
 */
export async function verifyJournal(directory: string, options: VerifyOptions): Promise<VerifyReport> {
  const verification = new Verification(directory, options);
  try {
    await verification.run();
    return verification.report(undefined);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof HeadwaterError)) throw error;
    return verification.report(error);
  }
}

class Verification {
  readonly #directory: string;
  readonly #options: VerifyOptions;
  #journalId: string | undefined;
  #segmentCount = 0;
  #lastSegment = 0;
  #byteCount = 0;
  #totalByteCount = 0;
  #transactionCount = 0;
  #firstSequence: Sequence = sequenceZero;
  #lastSequence: Sequence = sequenceZero;
  #tailByteCount = 0;

  constructor(directory: string, options: VerifyOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  report(problem: HeadwaterError | undefined): VerifyReport {
    return {
      journalId: this.#journalId,
      segmentCount: this.#segmentCount,
      byteCount: this.#byteCount,
      transactionCount: this.#transactionCount,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
      tailByteCount: this.#tailByteCount,
      problem,
    };
  }

  async run(): Promise<void> {
    const { disk } = this.#options;
    const paths = journalPaths(this.#directory);
    const catalog = await readCatalog(disk, paths, undefined);
    const [first] = catalog;
    if (first === undefined) throw missingFile(segmentPath(paths, 1), 'the directory holds no journal');
    this.#journalId = first.header.journalId;
    this.#lastSegment = catalog.at(-1)?.number ?? 0;
    this.#totalByteCount = catalog.reduce((sum, { byteCount }) => sum + byteCount, 0);
    const files: JournalFiles = { disk, paths, journalId: first.header.journalId };
    let lineage = first.header.lineage;
    for (const [index, summary] of catalog.entries()) {
      if (summary.header.lineage !== lineage)
        throw corruptBytes(summary.path, 12, 'the segment does not follow the one before');
      const end = index === catalog.length - 1 ? await this.#findEnd(summary) : summary.byteCount;
      lineage = await this.#verifySegment(files, summary, end);
      this.#segmentCount += 1;
    }
  }

  async #findEnd(summary: SegmentSummary): Promise<number> {
    const file = await this.#options.disk.openForReading(summary.path);
    if (file === undefined) throw missingFile(summary.path, 'it was there a moment ago');
    try {
      const expected = {
        path: summary.path,
        kind: 'segment',
        journalId: this.#journalId,
        number: summary.number,
      } as const;
      const scan = await scanTail(file, await readFileHeader(file, expected));
      this.#tailByteCount = scan.size - scan.end;
      return scan.end;
    } finally {
      await file.close();
    }
  }

  async #verifySegment(files: JournalFiles, summary: SegmentSummary, end: number): Promise<number> {
    await using walk = await SegmentWalk.open(files, summary.number, end);
    const before = this.#byteCount;
    for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
      this.#options.signal?.throwIfAborted();
      if (step.kind === 'more') {
        await walk.load(step.byteCount);
        this.#byteCount = before + walk.position;
        this.#options.onProgress?.({
          segment: summary.number,
          byteCount: this.#byteCount,
          totalByteCount: this.#totalByteCount,
        });
      } else if (step.kind === 'commit' || step.kind === 'spooled-commit') {
        this.#countTransaction(step.record);
        if (step.kind === 'spooled-commit') await this.#verifySpool(files, step.spool);
      }
    }
    this.#byteCount = before + walk.position;
    const { fold } = walk;
    if (fold.unitEnd !== end) throw corruptBytes(summary.path, fold.unitEnd, 'the segment ends inside a transaction');
    // Those that were prepared earlier are decided since; a rolled back one has lost its spool.
    const isLast = summary.number === this.#lastSegment;
    for (const { spool } of isLast ? fold.head.toCarry().prepared : []) await this.#verifySpool(files, spool);
    const first = summary.header.firstSequence;
    if (this.#transactionCount > 0 && first > this.#lastSequence + 1n) {
      throw corruptBytes(
        summary.path,
        40,
        `the segment begins at ${first}, the one before ended at ${this.#lastSequence}`,
      );
    }
    return fold.lastCrc;
  }

  #countTransaction({ sequence }: CommitRecord): void {
    assertInvariant(this.#lastSequence === sequenceZero || sequence > this.#lastSequence, 'sequences grow');
    if (this.#transactionCount === 0) this.#firstSequence = sequence;
    this.#transactionCount += 1;
    this.#lastSequence = sequence;
  }

  async #verifySpool(files: JournalFiles, reference: SpoolReference): Promise<void> {
    const fragments = readSpool({ ...files, reference });
    while ((await fragments.next()).done !== true) this.#options.signal?.throwIfAborted();
  }
}
