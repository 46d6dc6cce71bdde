import type { RecordRequest } from '../../../../testing/suite-records.ts';
import type { UnplacedRecord } from '../../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../../testing/sink-child.ts';
import { insertRow, testTable } from '../../../testing/test-table.ts';
import { postgresSink } from '../postgres-sink.ts';

/** A table without a key, whose target numbers the rows as they come: repetitions and order are seen. */
const logTable = testTable('log', [{ name: 'key' }, { name: 'number' }, { name: 'padding' }], 'nothing');

export function logRecord({ key, number, size = 10 }: RecordRequest): UnplacedRecord {
  return insertRow(logTable, key, String(number), 'x'.repeat(size));
}

/** For a process of its own: the argument is the address of the target. */
export function createChild(url: string): SinkChild {
  return { sink: postgresSink({ url }), record: logRecord };
}
