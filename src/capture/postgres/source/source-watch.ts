import type { ClockTimer } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { SourceIdentity, UncopiedTable } from '../../../model/source-identity.ts';
import type { SourceReport } from '../../source-report.ts';
import type { StreamSession } from '../replication/stream-session.ts';
import { comparePublications } from './compare-source.ts';
import type { PreparedSource } from './prepare-source.ts';
import type { SourceCatalog, WatchResult } from './source-catalog.ts';
import type { PublishedTable, SlotFacts } from './source-facts.ts';
import { sourceDefaults, type PostgresSourceOptions } from './source-options.ts';
import { distinctTables, tableDigests, tableNames, toUncopiedTable } from './uncopied-tables.ts';

/** One connection's session, catalogs and what was found. */
export interface WatchedSource {
  readonly catalog: SourceCatalog;
  readonly session: StreamSession;
  readonly prepared: PreparedSource;
}

const decoder = new TextDecoder();

/**
 * What is done at intervals beside the stream, by one statement: a canary is written, and slot, publication and published
 * tables are looked at. A changed publication ends the session; a failed look does not, for the stream may be well without it.
 */
export class SourceWatch {
  readonly #options: PostgresSourceOptions;
  #source: WatchedSource | undefined;
  #timer: ClockTimer | undefined;
  #slot: SlotFacts | undefined;
  #tablesDigest: string | undefined;
  #canaryCount = 0;
  #lastCanary: string | undefined;
  #canarySeenMs: number | undefined;
  #mayEmit = true;

  readonly #onTablesRecorded: () => void;

  constructor(options: PostgresSourceOptions, onTablesRecorded: () => void) {
    this.#options = options;
    this.#onTablesRecorded = onTablesRecorded;
  }

  /** Looks now and at every interval until `end`. */
  begin(source: WatchedSource): void {
    this.end();
    this.#source = source;
    this.#mayEmit = source.prepared.server.mayEmit;
    this.#tablesDigest = undefined;
    void this.#look(source);
  }

  end(): void {
    this.#source = undefined;
    this.#timer?.clear();
  }

  /** A canary came out of the stream: whether it is our last one is told by its content. */
  canarySeen(content: Uint8Array): void {
    if (this.#lastCanary === undefined || decoder.decode(content) !== this.#lastCanary) return;
    this.#canarySeenMs = this.#options.clock.monotonicMs();
  }

  report(): Pick<SourceReport, 'slot' | 'canary' | 'canaryAgeMs'> {
    const slot = this.#slot;
    const isOff = this.#options.canaryIntervalMs === false;
    const seenMs = this.#canarySeenMs;
    return {
      slot: slot === undefined ? undefined : toSlotStatus(slot),
      canary: isOff ? 'off' : this.#mayEmit ? 'on' : 'without-right',
      canaryAgeMs: seenMs === undefined ? undefined : this.#options.clock.monotonicMs() - seenMs,
    };
  }

  async #look(source: WatchedSource): Promise<void> {
    const { canaryIntervalMs, clock, installation, logger, publicationNames, slotName } = this.#options;
    try {
      const isEmitting = canaryIntervalMs !== false && this.#mayEmit;
      if (isEmitting) this.#lastCanary = `${installation} ${source.session.id} ${(this.#canaryCount += 1)}`;
      const canary = isEmitting ? this.#lastCanary : undefined;
      const result = await source.catalog.watch({ slotName, publicationNames, canary });
      if (this.#source === source) await this.#judge(source, result);
    } catch (thrown) {
      const error = HeadwaterError.from(thrown);
      logger.warn('source watch failed', { code: error.code, error: error.message });
      if (error.code === 'HW-SOURCE-008') this.#mayEmit = false;
      // Without its catalogs a publication could change unseen: the next connection has both again.
      if (!source.catalog.isOpen && this.#source === source) source.session.fail(error);
    }
    if (this.#source !== source) return;
    const intervalMs = canaryIntervalMs === false ? sourceDefaults.canaryIntervalMs : canaryIntervalMs;
    this.#timer = clock.setTimer(intervalMs, () => void this.#look(source));
  }

  async #judge(source: WatchedSource, result: WatchResult): Promise<void> {
    this.#slot = result.slot;
    const recorded = this.#options.recorder.state.source;
    const changed = recorded === undefined ? undefined : comparePublications(recorded, result.publications);
    if (changed !== undefined) {
      source.session.fail(changed);
      return;
    }
    if (result.tablesDigest === this.#tablesDigest) return;
    const tables = distinctTables(await source.catalog.readTables(this.#options.publicationNames));
    if (this.#source === source && this.#recordTables(source, tables)) this.#tablesDigest = result.tablesDigest;
  }

  /** False while a transaction is open: its parts belong together in the recorder. */
  #recordTables(source: WatchedSource, tables: readonly PublishedTable[]): boolean {
    const { logger, recorder } = this.#options;
    const { sourceStartLsn } = recorder.state;
    const identity = recorder.appendedSource;
    if (identity === undefined) return true;
    const names = tableNames(tables);
    const altered = tables.filter((table) => isAltered(table, identity));
    const added = tables.filter(
      (table) => !identity.tables.includes(`${table.schemaName}.${table.tableName}`) && !altered.includes(table),
    );
    const removed = identity.tables.filter((name) => !names.includes(name));
    // A table that was left out is remembered: when it comes back it lacks what happened meanwhile, also if it is empty by then.
    const publishedAs = { ...identity.publishedAs, ...tableDigests(tables) };
    if (added.length + removed.length + altered.length === 0 && identity.publishedAs !== undefined) return true;
    const isForAll = source.prepared.publications.some((publication) => publication.isForAllTables);
    const uncopied = [
      // A publication for all tables has had each of them since it was made.
      ...added.map((table) => (isForAll ? undefined : toUncopiedTable(table, 'published-later', undefined))),
      // Nobody knows what was written meanwhile, so an empty table is incomplete too.
      ...altered.map((table) => toUncopiedTable(table, 'publication-altered', true)),
    ]
      .filter((table) => table !== undefined)
      .filter((table) => !isNamed(table, identity.uncopiedTables));
    const uncopiedTables = [...identity.uncopiedTables, ...uncopied];
    const isRecorded = source.session.record((target) =>
      target.recordSource(
        { ...identity, tables: names, publishedAs, uncopiedTables },
        sourceStartLsn,
        'tables-changed',
      ),
    );
    if (isRecorded) this.#onTablesRecorded();
    if (isRecorded && added.length + removed.length + altered.length > 0) {
      logger.warn('published tables changed', {
        added: tableNames(added).join(', '),
        removed: removed.join(', '),
        altered: tableNames(altered).join(', '),
      });
    }
    return isRecorded;
  }
}

function isAltered(table: PublishedTable, { publishedAs }: SourceIdentity): boolean {
  const recorded = publishedAs?.[`${table.schemaName}.${table.tableName}`];
  return recorded !== undefined && recorded !== table.publishedAs;
}

function isNamed(table: UncopiedTable, list: readonly UncopiedTable[]): boolean {
  return list.some((one) => one.schemaName === table.schemaName && one.tableName === table.tableName);
}

function toSlotStatus(slot: SlotFacts): NonNullable<SourceReport['slot']> {
  const { walStatus, retainedBytes, unconfirmedBytes, safeBytes, invalidationReason } = slot;
  return { walStatus, retainedBytes, unconfirmedBytes, safeBytes, invalidationReason };
}
