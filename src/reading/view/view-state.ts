import { assertInvariant } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Checkpoint, isSameCheckpoint } from '../../delivery/checkpoint.ts';
import type { OutboundBatch, OutboundRecord, SinkContext } from '../../delivery/sink.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import type { TransactionHeader } from '../../model/transaction.ts';
import { PositionWaits } from './position-waits.ts';
import { type CopyFacts, type IncompleteViewTable, listIncomplete } from './incomplete-tables.ts';
import { TableStage } from './table-stage.ts';
import { ViewContent } from './view-content.ts';
import type { ViewTableDefinition } from './view-definition.ts';

interface HeldTable {
  readonly definition: ViewTableDefinition;
  readonly content: ViewContent;
  readonly stage: TableStage;
}

/** What an open lane tells of its journal. */
type Feed = Pick<SinkContext, 'journalEnd' | 'laneName' | 'locateToken'> & CopyFacts;

/**
 * The memory of a view: what readers see, and beside it what is on its way.
 *
 * I1  What readers see is the state behind `position`, which is the end of a transaction: `apply` shows whole transactions in one
 *     go, without waiting in between, and whatever can fail has been done before.
 * I2  What is shown and what is staged together stay within `byteCountMax`, or nothing of the transaction is shown.
 * I3  A view whose lane may lack rows of a table says so.
 */
export class ViewState {
  readonly name: string;
  readonly waits: PositionWaits = new PositionWaits();
  readonly #byteCountMax: number;
  readonly #tables = new Map<string, HeldTable>();
  #position: Checkpoint | undefined;
  /** Behind what is staged: `position` unless a transaction comes in several batches. */
  #stagedTo: Checkpoint | undefined;
  #lastEnded: TransactionHeader | undefined;
  /** What the journal held when the view began. */
  #readyAt: bigint | undefined;
  #feed: Feed | undefined;
  /** What the last feed told of copies; it stays when the lane is paused. */
  #copies: CopyFacts = {};
  #failure: HeadwaterError | undefined;
  #isClosed = false;
  /** Grows whenever readers see something else. */
  #version = 0;

  constructor(name: string, definitions: readonly ViewTableDefinition[], byteCountMax: number) {
    this.name = name;
    this.#byteCountMax = byteCountMax;
    for (const definition of definitions) {
      const content = new ViewContent(definition);
      this.#tables.set(definition.source, { definition, content, stage: new TableStage(definition, content) });
    }
  }

  get position(): Checkpoint | undefined {
    return this.#position;
  }

  get version(): number {
    return this.#version;
  }

  get isReady(): boolean {
    return this.#position !== undefined && this.#readyAt !== undefined && this.#position.sequence >= this.#readyAt;
  }

  get isFollowing(): boolean {
    return this.#feed !== undefined;
  }

  /** Undefined while no lane feeds the view. */
  get locateToken(): SinkContext['locateToken'] {
    return this.#feed?.locateToken;
  }

  /** What stopped the lane, as long as it has not been overcome. */
  get failure(): HeadwaterError | undefined {
    return this.#failure;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get byteCount(): number {
    let sum = 0;
    for (const { content, stage } of this.#tables.values()) sum += content.byteCount + stage.byteCount;
    return sum;
  }

  /** Transactions that the journal holds and the view does not show; undefined while no lane feeds it. */
  get behind(): bigint | undefined {
    const end = this.#feed?.journalEnd?.();
    return end === undefined || this.#position === undefined ? undefined : end - this.#position.sequence;
  }

  /** As of the position. */
  get incompleteTables(): readonly IncompleteViewTable[] {
    return listIncomplete([...this.#tables.keys()], this.#lastEnded, this.#copies);
  }

  content(source: string): ViewContent | undefined {
    return this.#tables.get(source)?.content;
  }

  accepts(record: JournalRecord): boolean {
    if (record.kind === 'event') return false;
    if (record.kind === 'truncate') return record.tables.some((table) => this.#tables.has(nameOf(table)));
    return this.#tables.has(nameOf(record.table));
  }

  /** A lane feeds the view from now on. It goes on where it is in the same journal, and begins anew in another. */
  open(context: SinkContext): void {
    const {
      beganLater,
      copiedThrough,
      journalEnd,
      journalId,
      lacksRows,
      laneName,
      locateToken,
      start,
      uncopiedTables,
    } = context;
    if (this.#isClosed) throw new HeadwaterError('HW-VIEW-010', `view "${this.name}" is closed`);
    if (this.#feed !== undefined) {
      throw new HeadwaterError(
        'HW-VIEW-010',
        `view "${this.name}" is fed by lane "${this.#feed.laneName}" and cannot be by "${laneName}"`,
      );
    }
    assertInvariant(start !== undefined && journalEnd !== undefined, 'a lane tells a view where it begins and ends');
    this.#feed = { beganLater, copiedThrough, journalEnd, lacksRows, laneName, locateToken, uncopiedTables };
    this.#copies = this.#feed;
    if (this.#position?.journalId === journalId) return;
    this.#clear();
    this.#position = start;
    this.#stagedTo = start;
    this.#readyAt = journalEnd();
    this.waits.look();
  }

  /** The lane is paused, stopped or failed. What is shown stays. */
  release(): void {
    this.rewind();
    this.#feed = undefined;
    if (this.#failure !== undefined) this.waits.refuse(this.#failure);
  }

  /** Forgets what is staged. @returns where the lane goes on */
  rewind(): Checkpoint | undefined {
    for (const { stage } of this.#tables.values()) stage.discard();
    this.#stagedTo = this.#position;
    return this.#position;
  }

  close(): void {
    this.#isClosed = true;
    this.#clear();
    this.waits.refuse(new HeadwaterError('HW-VIEW-010', `view "${this.name}" is closed`));
  }

  /** @throws HW-VIEW codes, with nothing of the batch shown */
  write(batch: OutboundBatch): void {
    if (this.#isClosed) throw new HeadwaterError('HW-VIEW-010', `view "${this.name}" is closed`);
    try {
      assertInvariant(
        this.#stagedTo !== undefined && isSameCheckpoint(this.#stagedTo, batch.from),
        'a view is written from where it is',
      );
      for (const record of batch.records) this.#stage(record);
      if (batch.endsTransaction) this.#show(batch);
      else this.#stagedTo = batch.to;
    } catch (thrown) {
      this.#failure = HeadwaterError.from(thrown);
      throw thrown;
    }
    this.#failure = undefined;
  }

  #show(batch: OutboundBatch): void {
    // All plans before the first is shown: a function of the user's may throw.
    const plans = [...this.#tables.values()].map(({ stage }) => stage.plan());
    for (const plan of plans) plan?.show();
    this.#position = batch.to;
    this.#stagedTo = batch.to;
    this.#lastEnded = batch.lastEnded ?? this.#lastEnded;
    this.#version += 1;
    this.waits.look();
  }

  #stage({ destination, header, record, value }: OutboundRecord): void {
    if (destination !== undefined || value !== undefined) {
      throw new HeadwaterError(
        'HW-VIEW-012',
        `the lane of view "${this.name}" has a route or a map, which a view has no use for`,
      );
    }
    if (record.kind === 'event') return;
    if (record.kind === 'truncate') {
      for (const table of record.tables) this.#tables.get(nameOf(table))?.stage.truncate();
      return;
    }
    this.#tables.get(nameOf(record.table))?.stage.stage(record, this.#mayLackRows(record.table, header));
    const { byteCount } = this;
    if (byteCount <= this.#byteCountMax) return;
    const message = `view "${this.name}" would hold about ${byteCount} bytes, maxBytes is ${this.#byteCountMax}`;
    throw new HeadwaterError('HW-VIEW-005', message, { details: { byteCount, limit: this.#byteCountMax } });
  }

  #mayLackRows(table: TableSchema, header: TransactionHeader): boolean {
    return this.#feed?.beganLater === true || this.#feed?.lacksRows?.(table, header) === true;
  }

  #clear(): void {
    for (const { content, stage } of this.#tables.values()) {
      stage.discard();
      content.clear();
    }
    this.#position = undefined;
    this.#stagedTo = undefined;
    this.#lastEnded = undefined;
    this.#readyAt = undefined;
    this.#failure = undefined;
    this.#version += 1;
  }
}

function nameOf({ schemaName, tableName }: TableSchema): string {
  return `${schemaName}.${tableName}`;
}
