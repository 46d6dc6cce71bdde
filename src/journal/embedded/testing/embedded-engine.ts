import { systemClock } from '../../../foundation/clock.ts';
import type { Disk } from '../../../foundation/disk.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { nodeDisk } from '../../../foundation/node-disk.ts';
import { createSeededRandom, systemRandom } from '../../../foundation/random.ts';
import { MeanDisk } from '../../../foundation/testing/mean-disk.ts';
import type { JournalEngine } from '../../journal.suite.ts';
import type { StateStore } from '../../state-store.ts';
import type { JournalWriter } from '../journal-writer.ts';
import { openJournal, type OpenedJournal } from '../open-journal.ts';
import { MemoryState } from './memory-state-store.ts';
import { TrackingDisk } from './tracking-disk.ts';

/** What a journal under test lies on. */
export interface EngineGround {
  readonly directory: string;
  readonly disk: Disk;
  readonly openState?: (path: string) => StateStore | 'locked';
  /** What a new process finds after this one was killed. */
  afterKill(): Promise<EngineGround>;
}

/** Small enough that a test of some hundred transactions has many segments. */
export const testSegmentByteCount: number = 16 * 1024;

/** The embedded engine with owner and writer in one thread. */
export async function openEmbeddedEngine(ground: EngineGround): Promise<EmbeddedEngine> {
  const journal = await openJournal({
    directory: ground.directory,
    disk: ground.disk,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    segmentByteCount: testSegmentByteCount,
    writerThread: 'this-thread',
    ...(ground.openState === undefined ? {} : { openState: ground.openState, otherReaders: 'none' as const }),
  });
  return new EmbeddedEngine(ground, journal, await journal.openWriter());
}

class EmbeddedEngine implements JournalEngine {
  readonly journal: OpenedJournal;
  readonly recorder: JournalWriter;
  readonly #ground: EngineGround;

  constructor(ground: EngineGround, journal: OpenedJournal, recorder: JournalWriter) {
    this.#ground = ground;
    this.journal = journal;
    this.recorder = recorder;
  }

  get reader(): JournalEngine['reader'] {
    return this.journal.reader;
  }

  get state(): StateStore {
    return this.journal.state;
  }

  async restart(): Promise<EmbeddedEngine> {
    await this.close();
    return await openEmbeddedEngine(this.#ground);
  }

  async killAndRestart(): Promise<EmbeddedEngine> {
    const ground = await this.#ground.afterKill();
    this.journal.state.close();
    return await openEmbeddedEngine(ground);
  }

  async close(): Promise<void> {
    await this.recorder.close();
    await this.journal[Symbol.asyncDispose]();
  }
}

export type { EmbeddedEngine };

/** A journal on the machine's own disk, in a directory of its own. */
export function nodeGround(directory: string): EngineGround {
  const disk = new TrackingDisk(nodeDisk);
  return {
    directory,
    disk,
    async afterKill() {
      await disk.closeAll();
      return nodeGround(directory);
    },
  };
}

/** A journal on a mean disk; a kill is a power cut there. */
export function meanGround(
  seed: number,
  disk: MeanDisk = new MeanDisk({ random: createSeededRandom(seed) }),
  state: MemoryState = new MemoryState(),
): EngineGround {
  return {
    directory: '/journal',
    disk,
    openState: () => state.open(),
    afterKill: async () => meanGround(seed, disk.afterPowerCut(), state),
  };
}
