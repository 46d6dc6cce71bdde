import { assertInvariant } from '../../../foundation/assert.ts';
import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { parseConnectionUrl } from '../../../postgres/connection-options.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import { planOperations } from '../../plan-operations.ts';
import { type RecordStatements, statementsOf } from '../../record-statements.ts';
import { type RowEffect, toRowEffects } from '../../row-effect.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { CheckpointTable } from './checkpoint-table.ts';
import { operationQuery } from './operation.sql.ts';
import type { PostgresSinkOptions } from './postgres-options.ts';
import { assertTableTargets, TableMaps } from './table-maps.ts';
import { TableRegistry } from './table-registry.ts';
import type { TargetTable } from './target-table.ts';
import { openTargetSession, type TargetQuery, type TargetSession } from './target-session.ts';

const capabilities: SinkCapabilities = {
  unit: 'transaction',
  checkpointIn: 'sink',
  // PostgreSQL takes a gigabyte for a value and for a message; half of that leaves room for escapes.
  recordBytesMax: 256 * 1024 * 1024,
};

/**
 * The session's own settings, for each transaction anew, because a lent client goes back to others. Constraints that can wait
 * are checked at the end, when the whole source transaction is there.
 */
function beginText(timeoutMs: number): string {
  return `begin; set local intervalstyle to 'postgres'; set local datestyle to 'ISO, YMD'; set local timezone to 'UTC'; set local statement_timeout to ${timeoutMs}; set constraints all deferred`;
}

/**
 * Describes a PostgreSQL that rows are mirrored into, or that the user's own statements run in. Opens nothing.
 * Effectively once at the target by rows and checkpoint in one transaction.
 * @throws HW-SINK-012 for options that contradict each other.
 */
export function postgresSink(options: PostgresSinkOptions): SinkDefinition {
  assertOptions(options);
  return {
    kind: 'postgres',
    target: describeTarget(options),
    unit: 'transaction',
    accepts: (record) => acceptsRecord(options, record),
    async open(context) {
      const sink = new PostgresSink(options, context);
      try {
        await sink.connect(context.signal);
        return sink;
      } catch (thrown) {
        await sink[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

interface PreparedBatch {
  readonly batch: OutboundBatch;
  readonly queries: readonly TargetQuery[];
}

/** Rows are mirrored; events are no rows. */
function acceptsRecord({ statements }: PostgresSinkOptions, record: JournalRecord): boolean {
  return statements !== undefined || record.kind !== 'event';
}

class PostgresSink implements Sink {
  readonly capabilities: SinkCapabilities = capabilities;
  readonly #options: PostgresSinkOptions;
  readonly #context: SinkContext;
  readonly #clock: Clock;
  readonly #applicationName: string;
  readonly #timeoutMs: number;
  readonly #checkpoints: CheckpointTable;
  readonly #registry: TableRegistry;
  readonly #maps: TableMaps;
  #session: TargetSession | undefined;
  #epoch: bigint | undefined;
  /** Undefined: the target holds none. */
  #held: Checkpoint | undefined;
  /** Where the open transaction of the target began; undefined when none is open. */
  #openFrom: Checkpoint | undefined;
  /** Made in the time of the write before it, for the tables as they are known. */
  #ahead: PreparedBatch | undefined;

  constructor(options: PostgresSinkOptions, context: SinkContext) {
    const { installation, laneName } = context;
    const lane = { schemaName: options.schema ?? 'headwater', installation, laneName };
    this.#options = options;
    this.#context = context;
    this.#clock = context.clock;
    this.#applicationName = `headwater ${installation} ${laneName}`;
    this.#timeoutMs = options.statementTimeoutMs ?? 60_000;
    this.#checkpoints = new CheckpointTable(lane);
    const tables = options.tables ?? {};
    this.#registry = new TableRegistry({ lane, tables, create: options.create ?? 'if-missing' });
    this.#maps = new TableMaps(tables);
  }

  accepts = (record: JournalRecord): boolean => acceptsRecord(this.#options, record);

  /** Opens the session and takes the lane over from whoever held it. Once only: a later session stands for the same holder. */
  async connect(signal: AbortSignal): Promise<TargetSession> {
    if (this.#session?.isOpen === true) return this.#session;
    this.#openFrom = undefined;
    this.#forget();
    const context = { clock: this.#clock, signal, timeoutMs: this.#timeoutMs, applicationName: this.#applicationName };
    const session = await openTargetSession(this.#options, context);
    this.#session = session;
    if (this.#epoch === undefined) {
      await this.#checkpoints.prepare(session, signal);
      await this.#registry.assertMapped(session, signal);
      this.#epoch = await this.#checkpoints.claim(session, signal);
    }
    this.#held = await this.#checkpoints.read(session, signal);
    return session;
  }

  async readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined> {
    if (this.#openFrom !== undefined) await this.#session?.close();
    const session = await this.connect(signal);
    this.#held = await this.#checkpoints.read(session, signal);
    return this.#held;
  }

  /** With tables that are all known nothing need be asked, and the statements can be made before it is their turn. */
  prepare(batch: OutboundBatch): void {
    if (this.#options.statements !== undefined || this.#ahead?.batch === batch) return;
    this.#ahead = undefined;
    try {
      const effects: RowEffect<TargetTable>[] = [];
      for (const outbound of this.#mapRecords(batch.records)) {
        const known = this.#effectsOf(outbound);
        if (known === undefined) return;
        effects.push(...known);
      }
      this.#ahead = { batch, queries: planOperations(effects).map(operationQuery) };
    } catch {
      // `write` meets the same fault when it is the batch's turn, and throws it.
    }
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    const session = await this.connect(signal);
    try {
      const ahead = this.#takeAhead(batch);
      const records = ahead === undefined ? this.#mapRecords(batch.records) : [];
      const queries: TargetQuery[] = [];
      if (this.#openFrom === undefined) {
        this.#openFrom = batch.from;
        await this.#begin(records, session, queries, signal);
      }
      queries.push(...(ahead ?? (await this.#recordQueries(records, session, signal))));
      if (batch.endsTransaction) queries.push(...this.#endQueries(batch.to));
      const results = await session.runAll(queries, signal);
      if (!batch.endsTransaction) return;
      assertCommitted(results.at(-1)?.command);
      this.#held = batch.to;
      this.#openFrom = undefined;
    } catch (thrown) {
      // Whatever was open is undone with its session; the lane asks for the checkpoint before it writes again.
      this.#openFrom = undefined;
      this.#forget();
      await session.close();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }

  /** Tables that are met for the first time are looked up inside the transaction, so it must have begun by then. */
  async #begin(
    records: readonly OutboundRecord[],
    session: TargetSession,
    queries: TargetQuery[],
    signal: AbortSignal,
  ): Promise<void> {
    const begin: TargetQuery = { subject: 'beginning a transaction in the target', text: beginText(this.#timeoutMs) };
    const isKnown = this.#options.statements !== undefined || records.every(({ record }) => this.#isKnown(record));
    if (isKnown) queries.push(begin);
    else await session.run(begin, signal);
  }

  #forget(): void {
    this.#registry.forget();
    this.#ahead = undefined;
  }

  #takeAhead(batch: OutboundBatch): readonly TargetQuery[] | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.batch === batch ? ahead.queries : undefined;
  }

  #mapRecords(records: readonly OutboundRecord[]): readonly OutboundRecord[] {
    return records.map((outbound) => {
      const record = this.#maps.mapRecord(outbound.record);
      return record === outbound.record ? outbound : { ...outbound, record };
    });
  }

  #lacksRows(record: JournalRecord, header: TransactionHeader): boolean {
    const { lacksRows } = this.#context;
    return lacksRows !== undefined && tablesOf(record).some((table) => lacksRows(table, header));
  }

  #isKnown(record: JournalRecord): boolean {
    return tablesOf(record).every((table) => this.#registry.peek(table) !== undefined);
  }

  #endQueries(to: Checkpoint): readonly TargetQuery[] {
    assertInvariant(
      this.#epoch !== undefined && this.#openFrom !== undefined,
      'a write has a transaction and an epoch',
    );
    const move = { epoch: this.#epoch, from: this.#openFrom, to, isFirst: this.#held === undefined };
    return [this.#checkpoints.moveQuery(move), { subject: 'committing in the target', text: 'commit' }];
  }

  async #recordQueries(
    records: readonly OutboundRecord[],
    session: TargetSession,
    signal: AbortSignal,
  ): Promise<readonly TargetQuery[]> {
    const { statements } = this.#options;
    if (statements !== undefined) return records.flatMap((record) => userQueries(record, statements));
    let effects: RowEffect<TargetTable>[] = [];
    for (const outbound of records) {
      let known = this.#effectsOf(outbound);
      if (known === undefined) {
        // A table that is made or changed here must find the rows before it written.
        await session.runAll(planOperations(effects).map(operationQuery), signal);
        effects = [];
        for (const source of tablesOf(outbound.record)) await this.#registry.find(source, session, signal);
        known = this.#effectsOf(outbound);
        assertInvariant(known !== undefined, 'a table that was found is known');
      }
      effects.push(...known);
    }
    return planOperations(effects).map(operationQuery);
  }

  /** Undefined when a table is not known yet. */
  #effectsOf({ header, record }: OutboundRecord): readonly RowEffect<TargetTable>[] | undefined {
    if (record.kind === 'event') return [];
    const tables: TargetTable[] = [];
    for (const source of tablesOf(record)) {
      const table = this.#registry.peek(source);
      if (table === undefined) return undefined;
      tables.push(table);
    }
    if (record.kind === 'truncate') for (const table of tables) this.#registry.assertAlone(table);
    return toRowEffects(record, tables, this.#lacksRows(record, header));
  }
}

function tablesOf(record: JournalRecord): readonly TableSchema[] {
  if (record.kind === 'event') return [];
  return record.kind === 'truncate' ? record.tables : [record.table];
}

function userQueries(record: OutboundRecord, statements: RecordStatements): readonly TargetQuery[] {
  const subject = `running a statement for record ${record.id}`;
  return statementsOf(record, statements).map(({ text, values }) => ({ subject, text, values: values ?? [] }));
}

function assertCommitted(command: string | undefined): void {
  if (command !== 'COMMIT')
    throw new HeadwaterError('HW-SINK-025', `the target answered COMMIT with ${command ?? 'nothing'}`);
}

function assertOptions(options: PostgresSinkOptions): void {
  if ((options.url === undefined) === (options.pool === undefined)) {
    const hint = 'url' in options ? { hint: 'The address is undefined: set the variable that it is taken from.' } : {};
    throw new HeadwaterError('HW-SINK-012', 'postgresSink needs either `url` or `pool`', hint);
  }
  if (options.statements !== undefined && (options.tables !== undefined || options.create !== undefined)) {
    throw new HeadwaterError(
      'HW-SINK-012',
      'postgresSink runs `statements` or mirrors tables: `tables` and `create` belong to mirroring',
    );
  }
  assertTableTargets(options.tables ?? {});
}

function describeTarget(options: PostgresSinkOptions): string {
  if (options.target !== undefined) return options.target;
  if (typeof options.url === 'string') {
    // The role may change without the target being another one.
    const { host, port, database } = parseConnectionUrl(options.url);
    return `${host}:${port}/${database}`;
  }
  throw new HeadwaterError(
    'HW-SINK-012',
    'postgresSink needs `target`, a line that says where it leads, when the address is not a text',
  );
}
