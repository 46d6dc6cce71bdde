import { HeadwaterError } from '../../foundation/error.ts';
import { eventMessagePrefix } from '../../model/event-envelope.ts';
import type { ResultRow, TransactionHandle } from '../../postgres/transaction-handle.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import type { EmitMode, EmittedEvent, EmitOptions, PreparedEvent, PrepareEvent } from '../emit/emit.ts';
import { outboxColumns } from '../emit/emit.sql.ts';
import type { EventDefinition, EventInput } from '../emit/events.ts';
import { toEmitError } from '../emit/event-writer.ts';
import { beforeCommitStatement, messagesBeforeCommit, outboxBeforeCommit } from './transact.sql.ts';

/** PostgreSQL counts the parameters of a statement with 16 bits. */
const parameterCountMax = 65_535;
const messagesMax = parameterCountMax - 1;
const rowsMax = Math.floor(parameterCountMax / outboxColumns.length);

/**
 * The events of one attempt. They are checked when they are given and written right before COMMIT, in the order in which they
 * were given, by the statement that has to run there anyway. An attempt that is run again gathers anew.
 */
export class GatheredEvents {
  readonly #prepare: PrepareEvent;
  readonly #schemaName: string;
  readonly #prepared: Promise<PreparedEvent>[] = [];
  #isClosed = false;

  constructor(prepare: PrepareEvent, schemaName: string) {
    this.#prepare = prepare;
    this.#schemaName = schemaName;
  }

  /** Whether none was given. */
  get isEmpty(): boolean {
    return this.#prepared.length === 0;
  }

  /** @throws HW-EMIT-007…011 at once, HW-TRANSACT-011 once the callback has ended */
  async add<Definition extends EventDefinition>(
    event: Definition,
    payload: EventInput<Definition>,
    options: EmitOptions,
  ): Promise<EmittedEvent> {
    if (this.#isClosed) {
      throw new HeadwaterError(
        'HW-TRANSACT-011',
        'an event was given after the callback of its unit of work had ended',
      );
    }
    const prepared = this.#prepare(event, payload, options);
    this.#prepared.push(prepared);
    return { id: (await prepared).id };
  }

  /**
   * Writes all of them and reads what must be known before COMMIT.
   * @throws what an event was refused for, HW-EMIT-012, 013, 015, the driver's own error; 25P02 in a transaction that has failed
   */
  async writeLast(
    handle: TransactionHandle,
  ): Promise<{ readonly row: ResultRow | undefined; readonly ids: readonly string[] }> {
    this.#isClosed = true;
    if (this.isEmpty) return { row: (await handle.query(beforeCommitStatement, []))[0], ids: [] };
    const events = await Promise.all(this.#prepared);
    let row: ResultRow | undefined;
    const statements = this.#plan(events);
    for (const statement of statements) [row] = await writeStatement(handle, statement);
    return { row, ids: events.map(({ id }) => id) };
  }

  /** The events that were refused are told by `add`; nobody else waits for them when the callback has failed. */
  abandon(): void {
    this.#isClosed = true;
    for (const prepared of this.#prepared) prepared.catch(() => undefined);
  }

  #plan(events: readonly PreparedEvent[]): readonly Statement[] {
    const statements: Statement[] = [];
    for (const run of splitRuns(events)) {
      const parameters = run.flatMap((event) => event.parameters);
      statements.push(
        run[0]?.mode === 'outbox'
          ? {
              mode: 'outbox',
              text: outboxBeforeCommit(this.#schemaName, run.length),
              parameters,
            }
          : {
              mode: 'message',
              text: messagesBeforeCommit(run.length),
              parameters: [eventMessagePrefix, ...parameters],
            },
      );
    }
    return statements;
  }
}

interface Statement {
  readonly mode: EmitMode;
  readonly text: string;
  readonly parameters: readonly (string | null | Uint8Array)[];
}

async function writeStatement(
  handle: TransactionHandle,
  { mode, parameters, text }: Statement,
): Promise<readonly ResultRow[]> {
  try {
    return await handle.query(text, parameters);
  } catch (thrown) {
    // A transaction that had failed before is the caller's to explain: no event is to blame for it.
    throw sqlStateOf(thrown) === '25P02' ? thrown : toEmitError(thrown, mode);
  }
}

/** As few statements as the order, the modes and the number of parameters allow: one, in practice. */
function splitRuns(events: readonly PreparedEvent[]): readonly (readonly PreparedEvent[])[] {
  const runs: PreparedEvent[][] = [];
  for (const prepared of events) {
    const last = runs.at(-1);
    const isFull = last !== undefined && last.length >= (prepared.mode === 'outbox' ? rowsMax : messagesMax);
    if (last === undefined || isFull || last[0]?.mode !== prepared.mode) runs.push([prepared]);
    else last.push(prepared);
  }
  return runs;
}
