import { HeadwaterError } from '../../../foundation/error.ts';
import { toLsn } from '../../../model/lsn.ts';
import { toSequence } from '../../../model/position.ts';
import { quoteIdentifier, quoteQualified } from '../../../postgres/quote.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import {
  createSinkObjects,
  findObjectsSql,
  lockObjectsSql,
  readVersionSql,
  sinkObjectsVersion,
} from './sink-objects.sql.ts';
import type { TargetQuery, TargetSession } from './target-session.ts';

/** Whose checkpoint it is, and in which schema of the target. */
export interface LaneName {
  readonly schemaName: string;
  readonly installation: string;
  readonly laneName: string;
}

/**
 * The checkpoint of one lane in the target.
 *
 * I1  It moves in the transaction of the rows, from the place that the write started from and to no other.
 * I2  Whoever opened the lane last holds it: each opening takes the next epoch, and a write of an older one undoes itself.
 */
export class CheckpointTable {
  readonly #lane: LaneName;
  readonly #sqlName: string;

  constructor(lane: LaneName) {
    this.#lane = lane;
    this.#sqlName = quoteQualified(lane.schemaName, 'checkpoint');
  }

  /** Makes the sink's objects if they are not there. @throws HW-SINK-010 for a newer version, HW-SINK-003 without the right. */
  async prepare(session: TargetSession, signal: AbortSignal): Promise<void> {
    const { schemaName } = this.#lane;
    const run = (text: string): Promise<Readonly<Record<string, unknown>> | undefined> =>
      session
        .run({ subject: `preparing schema ${schemaName} in the target`, text }, signal)
        .then(({ rows }) => rows[0]);
    if ((await run(findObjectsSql(schemaName)))?.['has_objects'] !== 'true') {
      await run('begin');
      await run(lockObjectsSql(schemaName));
      // Another lane may have made them while this one waited.
      const found = await run(findObjectsSql(schemaName));
      if (found?.['has_schema'] !== 'true') await run(`create schema ${quoteIdentifier(schemaName)}`);
      if (found?.['has_objects'] !== 'true')
        for (const statement of createSinkObjects(schemaName)) await run(statement);
      await run('commit');
    }
    const version = Number((await run(readVersionSql(schemaName)))?.['version']);
    if (version === sinkObjectsVersion) return;
    const message = `the sink objects in schema ${schemaName} have version ${version}, this release knows ${sinkObjectsVersion}`;
    throw new HeadwaterError('HW-SINK-010', message, { details: { found: version, known: sinkObjectsVersion } });
  }

  /** Takes the next epoch: earlier holders of the lane can write no more. */
  async claim(session: TargetSession, signal: AbortSignal): Promise<bigint> {
    const { rows } = await session.run(
      {
        subject: 'claiming the checkpoint in the target',
        text: `insert into ${this.#sqlName} as held (installation, lane, epoch) values ($1, $2, 1)
on conflict (installation, lane) do update set epoch = held.epoch + 1
returning epoch::text as epoch`,
        values: [this.#lane.installation, this.#lane.laneName],
      },
      signal,
    );
    return BigInt(String(rows[0]?.['epoch']));
  }

  async read(session: TargetSession, signal: AbortSignal): Promise<Checkpoint | undefined> {
    const { rows } = await session.run(
      {
        subject: 'reading the checkpoint in the target',
        text: `select journal_id, sequence::text as sequence, record_count::text as record_count, system_id, timeline::text as timeline,
  commit_end_lsn::text as commit_end_lsn, commit_time_micros::text as commit_time_micros
from ${this.#sqlName} where installation = $1 and lane = $2`,
        values: [this.#lane.installation, this.#lane.laneName],
      },
      signal,
    );
    const row = rows[0];
    if (typeof row?.['journal_id'] !== 'string') return undefined;
    return {
      journalId: row['journal_id'],
      sequence: toSequence(BigInt(String(row['sequence']))),
      recordCount: Number(row['record_count']),
      systemId: String(row['system_id']),
      timeline: Number(row['timeline']),
      commitEndLsn: toLsn(BigInt(String(row['commit_end_lsn']))),
      commitTimeMicros: BigInt(String(row['commit_time_micros'])),
    };
  }

  /**
   * Moves the checkpoint, or undoes the transaction: a mismatch divides by zero, because the COMMIT may already be on its way
   * when the reply comes.
   */
  moveQuery(move: {
    readonly epoch: bigint;
    readonly from: Checkpoint;
    readonly to: Checkpoint;
    readonly isFirst: boolean;
  }): TargetQuery {
    const { from, to } = move;
    const expected = move.isFirst ? 'journal_id is null' : 'journal_id = $11 and sequence = $12 and record_count = $13';
    return {
      subject: 'moving the checkpoint in the target',
      text: `with moved as (
  update ${this.#sqlName} set journal_id = $4, sequence = $5, record_count = $6, system_id = $7, timeline = $8, commit_end_lsn = $9,
    commit_time_micros = $10, moved_at = now()
  where installation = $1 and lane = $2 and epoch = $3 and ${expected}
  returning 1
) select 1 / count(*) from moved`,
      values: [
        this.#lane.installation,
        this.#lane.laneName,
        String(move.epoch),
        to.journalId,
        String(to.sequence),
        to.recordCount,
        to.systemId,
        to.timeline,
        String(to.commitEndLsn),
        String(to.commitTimeMicros),
        ...(move.isFirst ? [] : [from.journalId, String(from.sequence), from.recordCount]),
      ],
      explain: (sqlState) => (sqlState === '22012' ? this.#mismatch(from) : undefined),
    };
  }

  #mismatch(from: Checkpoint): HeadwaterError {
    const { laneName, installation } = this.#lane;
    const message = `the checkpoint of lane "${laneName}" of "${installation}" is no longer at sequence ${from.sequence}, or another process holds it`;
    return new HeadwaterError('HW-SINK-008', message, { details: { lane: laneName, sequence: String(from.sequence) } });
  }
}
