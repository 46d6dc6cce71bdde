import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { listLanes, readCheckpoint } from '../../delivery/lane-store.ts';
import { reportParked } from '../../delivery/parking/parked-report.ts';
import { defaultParkedLimits, Parking } from '../../delivery/parking/parking.ts';
import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { silentLogger } from '../../foundation/logger.ts';
import { journalPaths } from '../../journal/embedded/journal-paths.ts';
import { openSqliteStateStore } from '../../journal/embedded/sqlite-state-store.ts';
import type { JournalReader } from '../../journal/journal-reader.ts';
import { readLaneGap } from '../../journal/lane-gap.ts';
import type { StateStore } from '../../journal/state-store.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import { type ParkedJson, toParkedJson } from '../../service/parked-json.ts';
import { listAsideOf, type SetAside } from '../../service/set-aside.ts';
import type { LaneReport, StatusReport } from '../../service/status-report.ts';
import type { TracedLane } from '../../service/trace-leg.ts';
import type { CommandInput } from '../command.ts';
import { askService } from '../service-client.ts';

/**
 * How far each configured lane is: as the running Headwater says, or as the state beside the journal has it when none runs.
 * Where one runs and cannot be asked, every lane is `unknown`.
 * @throws HW-SERVICE-003, HW-SERVICE-009 when another installation answers
 */
export async function listTracedLanes(
  input: CommandInput,
  config: ResolvedConfig,
  reader: Pick<JournalReader, 'journalId' | 'presence'>,
): Promise<readonly TracedLane[]> {
  if (reader.presence === 'nothing-is-writing') return await readLeftState(config);
  const report = await askForStatus(input);
  if (report === undefined) {
    input.terminal.note('a Headwater runs on this journal and does not answer over HTTP: its lanes are not known');
    return Object.entries(config.lanes).map(([name, { sink }]) => unknownLane(name, sink, 'unknown'));
  }
  if (report.journal.id !== reader.journalId) {
    const message = `the Headwater that answers has journal ${report.journal.id}, the configuration leads to ${reader.journalId}`;
    throw new HeadwaterError('HW-SERVICE-009', message);
  }
  // Asked after the status: whatever a checkpoint of it passed undelivered is listed by now, or delivered.
  const parked = await askForParked(input);
  return Object.entries(config.lanes).map(([name, { sink }]) => {
    const lane = report.lanes.find((candidate) => candidate.name === name);
    const aside = parked.lanes.find((candidate) => candidate.lane === name);
    return lane === undefined
      ? unknownLane(name, sink, 'stopped')
      : { ...fromReport(lane), aside: aside === undefined ? [] : listAsideOf(aside) };
  });
}

async function askForParked(input: CommandInput): Promise<ParkedJson> {
  const { body } = await askService(input, '/parked');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
  return body as ParkedJson;
}

async function askForStatus(input: CommandInput): Promise<StatusReport | undefined> {
  try {
    const { body } = await askService(input, '/status');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
    return body as StatusReport;
  } catch (thrown) {
    if (thrown instanceof HeadwaterError && thrown.code === 'HW-SERVICE-002') return undefined;
    throw thrown;
  }
}

function fromReport(lane: LaneReport): Omit<TracedLane, 'aside'> {
  const { name, originalName, sink, target, state, origin, sequence, recordCount, error } = lane;
  const isRecorded = origin !== null;
  return {
    name,
    originalName,
    sink,
    target,
    state,
    origin: isRecorded ? BigInt(origin) : undefined,
    sequence: isRecorded ? BigInt(sequence) : undefined,
    recordCount,
    gap: undefined,
    error,
  };
}

/** The file is locked by whoever opens it, so a copy is read: nothing of the journal changes, and nobody waits. */
async function readLeftState(config: ResolvedConfig): Promise<readonly TracedLane[]> {
  const { state: path } = journalPaths(config.journal.directory);
  const scratch = await mkdtemp(join(tmpdir(), 'headwater-trace-'));
  try {
    const copy = join(scratch, 'state.sqlite');
    await copyFile(path, copy);
    await copyFile(`${path}-wal`, `${copy}-wal`).catch(() => undefined);
    const store = openSqliteStateStore(copy);
    if (store === 'locked') throw new HeadwaterError('HW-INTERNAL-001', `the copy ${copy} is locked`);
    try {
      return Object.entries(config.lanes).map(([name, { sink }]) => fromState(store, name, sink));
    } finally {
      store.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function fromState(store: StateStore, name: string, sink: NamedSink): TracedLane {
  const identity = listLanes(store).find((lane) => lane.name === name);
  const checkpoint = readCheckpoint(store, name);
  const lane = unknownLane(name, sink, 'not-running');
  if (identity === undefined || checkpoint === undefined) return lane;
  const { recordCount, sequence } = checkpoint;
  const gap = readLaneGap(store, name, sequence);
  const { origin, originalName } = identity;
  return { ...lane, originalName, origin, sequence, recordCount, gap, aside: listLeftAside(store, name) };
}

function listLeftAside(states: StateStore, laneName: string): readonly SetAside[] {
  const parking = new Parking({
    states,
    laneName,
    clock: systemClock,
    logger: silentLogger,
    limits: defaultParkedLimits,
  });
  parking.load();
  return listAsideOf(toParkedJson(laneName, reportParked(parking, { states, laneName })));
}

type NamedSink = { readonly kind: string; readonly target: string };

function unknownLane(name: string, { kind, target }: NamedSink, state: TracedLane['state']): TracedLane {
  const nothing = { origin: undefined, sequence: undefined, recordCount: 0, gap: undefined, error: null, aside: [] };
  return { name, originalName: name, sink: kind, target, state, ...nothing };
}
