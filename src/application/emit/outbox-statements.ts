import { emitOutboxStatements, type EventStatements, outboxColumns } from './emit.sql.ts';

type Parameters = readonly (string | null | Uint8Array)[];

/** The inserts of one outbox table. Events differ in which of the optional columns they have; each set of them is built once. */
export class OutboxStatements {
  readonly #schemaName: string;
  readonly #statements = new Map<string, EventStatements>();

  constructor(schemaName: string) {
    this.#schemaName = schemaName;
  }

  /** `parameters`: one for each of `outboxColumns`. Those that are null are left out. */
  of(parameters: Parameters): { readonly statements: EventStatements; readonly parameters: Parameters } {
    const isGiven = (_: unknown, index: number): boolean => parameters[index] !== null;
    const columns = outboxColumns.filter(isGiven);
    const mask = columns.map(({ name }) => name).join();
    let statements = this.#statements.get(mask);
    if (statements === undefined) {
      statements = emitOutboxStatements(this.#schemaName, columns);
      this.#statements.set(mask, statements);
    }
    return { statements, parameters: parameters.filter(isGiven) };
  }
}
