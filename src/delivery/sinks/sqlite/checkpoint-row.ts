import { HeadwaterError } from '../../../foundation/error.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../checkpoint-text.ts';
import type { SqliteSession } from './sqlite-session.ts';

/** The version of the tables below, in `headwater_version`. */
const objectsVersion = 1n;

const createObjects = `create table if not exists headwater_version (version integer primary key) strict;
create table if not exists headwater_checkpoint (
  installation text not null,
  lane text not null,
  epoch integer not null,
  checkpoint text,
  primary key (installation, lane)
) strict, without rowid;
create table if not exists headwater_mirrored_table (
  installation text not null,
  lane text not null,
  source_schema text not null,
  source_table text not null,
  target_table text not null,
  is_owned integer not null,
  columns text not null,
  primary key (installation, lane, source_schema, source_table)
) strict, without rowid`;

/** Whose checkpoint it is. */
export interface LaneName {
  readonly installation: string;
  readonly laneName: string;
}

/** A move of the checkpoint by the holder of an epoch. */
export interface CheckpointMove {
  readonly epoch: bigint;
  /** Undefined: the database holds none yet. */
  readonly from: Checkpoint | undefined;
  readonly to: Checkpoint;
}

/**
 * The checkpoint of one lane in the database.
 *
 * I1  It moves in the transaction of the rows, from the place that the write started from and to no other.
 * I2  Whoever opened the lane last holds it: each opening takes the next epoch, and a write of an older one undoes itself.
 */
export class CheckpointRow {
  readonly #lane: LaneName;

  constructor(lane: LaneName) {
    this.#lane = lane;
  }

  /**
   * Makes the sink's tables if they are not there and takes the next epoch, in one transaction.
   * @throws HW-SINK-010 for tables of a newer release
   */
  claim(session: SqliteSession): bigint {
    const subject = 'claiming the checkpoint';
    session.begin();
    try {
      session.execute(subject, createObjects);
      const [found] = session.all(subject, 'select max(version) as version from headwater_version');
      const version = found?.['version'] ?? 0n;
      if (Number(version) > Number(objectsVersion)) {
        const message = `the sink's tables in the database have version ${String(version)}; this release knows ${objectsVersion}`;
        throw new HeadwaterError('HW-SINK-010', message, { details: { found: Number(version) } });
      }
      session.run(subject, 'insert or ignore into headwater_version (version) values (?)', [objectsVersion]);
      const [row] = session.all(
        subject,
        `insert into headwater_checkpoint (installation, lane, epoch) values (?, ?, 1)
on conflict (installation, lane) do update set epoch = epoch + 1 returning epoch`,
        this.#laneValues,
      );
      session.commit();
      return BigInt(String(row?.['epoch']));
    } catch (thrown) {
      session.rollback();
      throw thrown;
    }
  }

  /** @throws HW-LANE-007 for one that this release cannot read */
  read(session: SqliteSession): Checkpoint | undefined {
    const text = 'select checkpoint from headwater_checkpoint where installation = ? and lane = ?';
    const [row] = session.all('reading the checkpoint', text, this.#laneValues);
    const found = row?.['checkpoint'];
    return typeof found === 'string' ? decodeCheckpoint(found) : undefined;
  }

  /** @throws HW-SINK-008 when it is no longer where the write started from, or another process holds it */
  move(session: SqliteSession, { epoch, from, to }: CheckpointMove): void {
    const changed = session.run(
      'moving the checkpoint',
      'update headwater_checkpoint set checkpoint = ? where installation = ? and lane = ? and epoch = ? and checkpoint is ?',
      [encodeCheckpoint(to), ...this.#laneValues, epoch, from === undefined ? null : encodeCheckpoint(from)],
    );
    if (changed === 1) return;
    const { laneName, installation } = this.#lane;
    const place = from === undefined ? 'its beginning' : `sequence ${from.sequence}+${from.recordCount}`;
    const message = `the checkpoint of lane "${laneName}" of "${installation}" is no longer at ${place}, or another process holds it`;
    throw new HeadwaterError('HW-SINK-008', message, { details: { lane: laneName } });
  }

  get #laneValues(): readonly string[] {
    return [this.#lane.installation, this.#lane.laneName];
  }
}
