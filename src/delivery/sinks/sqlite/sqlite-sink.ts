import type { SQLInputValue } from 'node:sqlite';
import { assertInvariant } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { type Checkpoint, isSameCheckpoint } from '../../checkpoint.ts';
import { type RecordStatements, statementsOf, type TargetStatement } from '../../record-statements.ts';
import { toRowEffects } from '../../row-effect.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { applyEffect } from './apply-effect.ts';
import { CheckpointRow } from './checkpoint-row.ts';
import { resolveSqliteFile, type SqliteSinkOptions } from './sqlite-options.ts';
import { SqliteSession } from './sqlite-session.ts';
import { TableRegistry } from './table-registry.ts';

const capabilities: SinkCapabilities = {
  unit: 'transaction',
  checkpointIn: 'sink',
  // SQLite takes a gigabyte for a row; values are in memory several times on their way.
  recordBytesMax: 64 * 1024 * 1024,
};

/**
 * Describes a SQLite database that rows are mirrored into, or that the user's own statements run in. Opens nothing.
 * Effectively once in the database by rows and checkpoint in one transaction.
 * @throws HW-SQLITE-001 for an option that is not valid.
 */
export function sqliteSink(options: SqliteSinkOptions): SinkDefinition {
  const file = resolveSqliteFile(options);
  return {
    kind: 'sqlite',
    target: file,
    async open(context) {
      const sink = new SqliteSink(file, options, context);
      try {
        await sink.connect();
        return sink;
      } catch (thrown) {
        await sink[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

class SqliteSink implements Sink {
  readonly capabilities: SinkCapabilities = capabilities;
  readonly #file: string;
  readonly #options: SqliteSinkOptions;
  readonly #context: SinkContext;
  readonly #checkpoint: CheckpointRow;
  readonly #registry: TableRegistry;
  #session: SqliteSession | undefined;
  #epoch: bigint | undefined;
  /** Undefined: the database holds none. */
  #held: Checkpoint | undefined;
  /** Whether the transaction of an unfinished source transaction is open. */
  #isOpen = false;

  constructor(file: string, options: SqliteSinkOptions, context: SinkContext) {
    const { installation, laneName } = context;
    const lane = { installation, laneName };
    this.#file = file;
    this.#options = options;
    this.#context = context;
    this.#checkpoint = new CheckpointRow(lane);
    this.#registry = new TableRegistry({ lane, tables: options.tables ?? {}, create: options.create ?? 'if-missing' });
  }

  /** Rows are mirrored; events are no rows. */
  accepts = (record: JournalRecord): boolean => this.#options.statements !== undefined || record.kind !== 'event';

  /** Opens the file and takes the lane over from whoever held it. Once only: a later session stands for the same holder. */
  async connect(): Promise<SqliteSession> {
    if (this.#session !== undefined) return this.#session;
    const session = await SqliteSession.open(this.#file);
    this.#session = session;
    this.#epoch ??= this.#checkpoint.claim(session);
    this.#held = this.#checkpoint.read(session);
    return session;
  }

  async readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined> {
    signal.throwIfAborted();
    if (this.#isOpen) this.#giveUp();
    const session = await this.connect();
    this.#held = this.#checkpoint.read(session);
    return this.#held;
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const session = await this.connect();
    try {
      if (!this.#isOpen) {
        session.begin();
        this.#isOpen = true;
        this.#assertContinues(batch.from);
      }
      this.#applyRecords(batch.records, session);
      if (!batch.endsTransaction) return;
      assertInvariant(this.#epoch !== undefined, 'a write has an epoch');
      this.#checkpoint.move(session, { epoch: this.#epoch, from: this.#held, to: batch.to });
      session.commit();
      this.#held = batch.to;
      this.#isOpen = false;
    } catch (thrown) {
      // Whatever was open is undone; the lane asks for the checkpoint before it writes again.
      this.#giveUp();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#giveUp();
  }

  /** Closing the connection undoes what it has not committed. */
  #giveUp(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#isOpen = false;
    this.#registry.forget();
    session?.close();
  }

  #assertContinues(from: Checkpoint): void {
    const held = this.#held;
    if (held === undefined || isSameCheckpoint(held, from)) return;
    const message = `the database is at sequence ${held.sequence}+${held.recordCount}; the batch goes on from ${from.sequence}+${from.recordCount}`;
    throw new HeadwaterError('HW-SINK-008', message, { details: { sequence: String(held.sequence) } });
  }

  #applyRecords(records: readonly OutboundRecord[], session: SqliteSession): void {
    const { statements } = this.#options;
    if (statements !== undefined) {
      for (const record of records) runStatements(record, statements, session);
      return;
    }
    for (const { header, record } of records) {
      if (record.kind === 'event') continue;
      const sources = tablesOf(record);
      const tables = sources.map((source) => this.#registry.find(source, session));
      for (const effect of toRowEffects(record, tables, this.#lacksRows(sources, header))) applyEffect(effect, session);
    }
  }

  #lacksRows(sources: readonly TableSchema[], header: TransactionHeader): boolean {
    const { lacksRows } = this.#context;
    return lacksRows !== undefined && sources.some((source) => lacksRows(source, header));
  }
}

function tablesOf(record: JournalRecord): readonly TableSchema[] {
  if (record.kind === 'event') return [];
  return record.kind === 'truncate' ? record.tables : [record.table];
}

function runStatements(record: OutboundRecord, statements: RecordStatements, session: SqliteSession): void {
  const subject = `running a statement for record ${record.id}`;
  for (const { text, values } of statementsOf(record, statements)) {
    assertSingle({ text }, record, session);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- SQLite itself refuses what it cannot bind
    session.run(subject, text, (values ?? []) as readonly SQLInputValue[]);
    if (!session.isInTransaction) throw refused(record, 'ended the transaction of the checkpoint');
  }
}

/** SQLite runs the first statement of a text and forgets the rest; and one that ends the transaction parts rows and checkpoint. */
function assertSingle({ text }: TargetStatement, record: OutboundRecord, session: SqliteSession): void {
  if (/^\s*(?:begin|commit|end|rollback|savepoint|release)\b/i.test(text))
    throw refused(record, 'would end or nest the transaction of the checkpoint');
  const first = session.firstStatement(`preparing a statement for record ${record.id}`, text);
  const rest = text.slice(text.indexOf(first) + first.length);
  if (rest.trim() !== '') throw refused(record, 'is more than one statement');
}

function refused(record: OutboundRecord, reason: string): HeadwaterError {
  return new HeadwaterError('HW-SINK-026', `a statement for record ${record.id} ${reason}`, {
    details: { record: record.id },
  });
}
