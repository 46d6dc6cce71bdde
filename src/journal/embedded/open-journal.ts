import { hostname } from 'node:os';

import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { Disk } from '../../foundation/disk.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Logger } from '../../foundation/logger.ts';
import type { Random } from '../../foundation/random.ts';
import { createUuidV7 } from '../../foundation/uuid.ts';
import { type ProcessIdentity, readProcessIdentity } from '../../postgres/process-identity.ts';
import type { JournalReader } from '../journal-reader.ts';
import type { StateStore } from '../state-store.ts';
import { writeFailure } from './disk-failure.ts';
import type { DurableEndPublisher, DurableEndWatch, DurablePlace } from './durable-place.ts';
import { DurableEndCell } from './durable-end-cell.ts';
import { EmbeddedJournalReader, type ReaderEnd } from './embedded-journal-reader.ts';
import { type Holder, readHolder, writeHolder } from './holder.ts';
import { JournalIndex } from './journal-index.ts';
import { journalPaths, type JournalPaths } from './journal-paths.ts';
import { chooseSocketPlace, JournalSocketServer, removeLeftSocket, type SocketPlace } from './journal-socket-server.ts';
import type { JournalWriter } from './journal-writer.ts';
import { lockRefusal } from './lock-refusal.ts';
import { type JournalWriterInput, openJournalWriter } from './open-journal-writer.ts';
import type { RetentionPolicy } from './plan-retention.ts';
import { Retention } from './retention.ts';
import { type RecoveredJournal, type RecoveryReport, recoverJournal } from './recovery.ts';
import { listSegments } from './segment-catalog.ts';
import { allocateSharedEnd, SharedDurableEnd } from './shared-durable-end.ts';
import { openSqliteStateStore } from './sqlite-state-store.ts';

export type { JournalWriterInput };

/** What a journal is opened with by the process that owns it. */
export interface OpenJournalOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** A new segment begins above this size. Default 256 MiB. */
  readonly segmentByteCount?: number;
  /**
   * Where the writer runs. `another-thread` (default): it may also run here. `this-thread`: readers are woken in the same
   * order every time, as the simulator wants it.
   */
  readonly writerThread?: 'this-thread' | 'another-thread';
  /** Reads events out of bodies, so that they can be searched for by id and key. Default: they cannot. */
  readonly createDecoder?: () => TransactionDecoder;
  /** Whether readers in other processes are told of the durable end. Default: `socket`. */
  readonly otherReaders?: 'socket' | 'none';
  /** Opens the state store and takes the writer lock. Default: `state.sqlite` in the directory. */
  readonly openState?: (path: string) => StateStore | 'locked';
  /** Who is named as the holder. Default: this process, as the operating system knows it. */
  readonly self?: ProcessIdentity;
}

/** A journal in the process that owns it. `close` after its writer. */
export interface OpenedJournal extends AsyncDisposable {
  readonly journalId: string;
  readonly epoch: number;
  /** Who is named as its holder: this process. */
  readonly holder: Holder;
  readonly state: StateStore;
  readonly recovery: RecoveryReport;
  readonly reader: JournalReader;
  /** Run `refresh` after segments were sealed, so that no search has to make an index first. */
  readonly search: JournalIndex;
  /** For the thread that writes. */
  readonly writerInput: JournalWriterInput;
  /** Opens the writer in this thread. */
  openWriter(): Promise<JournalWriter>;
  /** Removes by this policy what may go, whenever it is run. `headroomByteCount` may be appended between two runs. */
  createRetention(policy: RetentionPolicy, headroomByteCount: number): Retention;
}

const segmentByteCountDefault = 256 * 1024 * 1024;

/**
 * Takes a journal into possession: its lock, a new epoch, and recovery. A journal is made when the directory holds none.
 * @throws HW-JOURNAL-001, -002, -003 when somebody else holds it; -005, -006, -012, -015, -017
 */
export async function openJournal(options: OpenJournalOptions): Promise<OpenedJournal> {
  const { disk } = options;
  const paths = journalPaths(options.directory);
  const state = await lockState(options, paths);
  try {
    for (const directory of [paths.segments, paths.spool]) await disk.makeDirectory(directory);
    const socket = options.otherReaders === 'none' ? undefined : await chooseSocketPlace(paths.socket);
    const holder = await claimJournal(options, { paths, state, socket });
    const { journalId, epoch } = holder;
    const nowMicros = BigInt(Math.floor(options.clock.now() * 1000));
    const recovered = await recoverJournal({ disk, paths, journalId, epoch, nowMicros });
    state.write('journal', 'segments', 'made');
    reportRecovery(options.logger, recovered.report);
    return await createOpenedJournal({ options, paths, state, socket, holder, recovered });
  } catch (error) {
    state.close();
    throw writeFailure(error, paths.directory);
  }
}

async function lockState({ disk, openState }: OpenJournalOptions, paths: JournalPaths): Promise<StateStore> {
  try {
    await disk.makeDirectory(paths.directory);
    if (openState === undefined) await createPrivate(disk, paths.state);
  } catch (error) {
    throw HeadwaterError.from(error, 'HW-JOURNAL-015', paths.directory);
  }
  const state = (openState ?? openSqliteStateStore)(paths.state);
  if (state === 'locked') throw await lockRefusal(disk, paths, hostname());
  return state;
}

/** The file gets its mode from us. It is never opened and closed beside SQLite: that would drop this process's lock. */
async function createPrivate(disk: Disk, path: string): Promise<void> {
  try {
    await (await disk.create(path)).close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

async function claimJournal(
  { disk, clock, random, self: given }: OpenJournalOptions,
  { paths, state, socket }: Pick<OpenedParts, 'paths' | 'state' | 'socket'>,
): Promise<Holder> {
  const known = state.read('journal', 'id');
  const segments = await listSegments(disk, paths);
  if (known === undefined && segments.length > 0) {
    throw new HeadwaterError(
      'HW-JOURNAL-012',
      `${paths.segments} holds segments, but ${paths.state} knows of no journal`,
    );
  }
  if (segments.length === 0 && state.read('journal', 'segments') !== undefined) {
    throw new HeadwaterError('HW-JOURNAL-012', `${paths.state} knows of segments, but ${paths.segments} holds none`);
  }
  const journalId = known ?? createUuidV7(clock.now(), random);
  if (known === undefined) state.write('journal', 'id', journalId);
  const epoch = Number(state.read('journal', 'epoch') ?? 0) + 1;
  state.write('journal', 'epoch', String(epoch));
  const self: ProcessIdentity = given ??
    (await readProcessIdentity(process.pid)) ?? { pid: process.pid, started: 'unknown' };
  const since = new Date(clock.now()).toISOString();
  if (socket !== undefined) await removeLeftSocket((await readHolder(disk, paths.holder))?.socket);
  const holder: Holder = {
    version: 1,
    ...self,
    host: hostname(),
    since,
    journalId,
    epoch,
    socket: socket?.path ?? '',
  };
  await writeHolder(disk, paths.holder, holder);
  return holder;
}

interface OpenedParts {
  readonly options: OpenJournalOptions;
  readonly paths: JournalPaths;
  readonly state: StateStore;
  readonly socket: SocketPlace | undefined;
  readonly holder: Holder;
  readonly recovered: RecoveredJournal;
}

async function createOpenedJournal(parts: OpenedParts): Promise<OpenedJournal> {
  const { options, paths, state, socket, holder, recovered } = parts;
  const { journalId, epoch } = holder;
  const { disk, clock } = options;
  const memory = allocateSharedEnd();
  const place: DurablePlace = {
    sequence: recovered.carry.lastSequence,
    recordedLsn: recovered.carry.recordedLsn,
    segment: recovered.segment,
    offset: recovered.end,
  };
  const end: DurableEndPublisher & DurableEndWatch =
    options.writerThread === 'this-thread' ? new DurableEndCell(place) : new SharedDurableEnd(memory);
  end.publish(place);
  const files = { disk, paths, journalId };
  const { logger, createDecoder } = options;
  const search = new JournalIndex({ files, end, createDecoder, logger, recovered });
  const reader = new EmbeddedJournalReader({ files, end: ownerEnd(end), places: search });
  const server = socket === undefined ? undefined : await JournalSocketServer.listen({ place: socket, journalId, end });
  const writerInput: JournalWriterInput = {
    directory: paths.directory,
    journalId,
    epoch,
    segmentByteCount: options.segmentByteCount ?? segmentByteCountDefault,
    durableEnd: memory,
    recovered,
  };
  return {
    journalId,
    epoch,
    holder,
    state,
    recovery: recovered.report,
    reader,
    search,
    writerInput,
    createRetention: (policy, headroomByteCount) =>
      new Retention({
        files,
        state,
        reader,
        end,
        clock,
        logger,
        policy,
        headroomByteCount,
        onRemoved: (segment) => search.forget(segment),
      }),
    openWriter: () => openJournalWriter({ input: writerInput, disk, clock, publisher: end }),
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await search[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
      state.close();
    },
  };
}

/** In the owner's process somebody may always write. */
function ownerEnd(end: DurableEndWatch): ReaderEnd {
  return {
    presence: 'writing',
    get place() {
      return end.place;
    },
    get version() {
      return end.version;
    },
    changedSince: (version, signal) => end.changedSince(version, signal),
  };
}

function reportRecovery(logger: Logger, { cut, removedFiles, endedCleanly, segmentCount }: RecoveryReport): void {
  if (cut !== undefined)
    logger.warn('journal tail cut', { file: cut.file, offset: cut.offset, byteCount: cut.byteCount });
  logger.info('journal recovered', { endedCleanly, removedFileCount: removedFiles.length, segmentCount });
}
