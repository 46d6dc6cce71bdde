import { HeadwaterError } from '../foundation/error.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import type { OutboundRecord } from './sink.ts';

/** A statement of the user, run in the transaction of the checkpoint. */
export interface TargetStatement {
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** What the user's own statements for a record are. Pure: asked again when a transaction is repeated. */
export type RecordStatements = (record: JournalRecord, transaction: TransactionHeader) => readonly TargetStatement[];

/** Asks the user's function for the statements of a record. @throws HW-SINK-026 when it throws or returns something else. */
export function statementsOf(
  { record, header, id }: OutboundRecord,
  statements: RecordStatements,
): readonly TargetStatement[] {
  let made: readonly TargetStatement[];
  try {
    made = statements(record, header);
  } catch (thrown) {
    throw new HeadwaterError('HW-SINK-026', `statements threw for record ${id}`, {
      cause: thrown,
      details: { record: id },
    });
  }
  if (!isStatementList(made)) {
    throw new HeadwaterError('HW-SINK-026', `statements returned no list of { text, values } for record ${id}`, {
      details: { record: id },
    });
  }
  return made;
}

/** The user's code may be JavaScript. */
function isStatementList(value: unknown): value is readonly TargetStatement[] {
  return (
    Array.isArray(value) &&
    value.every((statement: unknown) => isObject(statement) && typeof Reflect.get(statement, 'text') === 'string')
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
