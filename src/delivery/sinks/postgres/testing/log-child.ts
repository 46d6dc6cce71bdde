import type { RecordRequest } from '../../../../testing/suite-records.ts';
import type { UnplacedRecord } from '../../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../../testing/sink-child.ts';
import { insertRow, testTable } from '../../../testing/test-table.ts';
import type { TableTarget } from '../postgres-options.ts';
import { postgresSink } from '../postgres-sink.ts';

/** A table without a key, whose target numbers the rows as they come: repetitions and order are seen. */
const logTable = testTable('log', [{ name: 'key' }, { name: 'number' }, { name: 'padding' }], 'nothing');

export function logRecord({ key, number, size = 10 }: RecordRequest): UnplacedRecord {
  return insertRow(logTable, key, String(number), 'x'.repeat(size));
}

/** The same table under other names, with a value that a function makes. */
export const mappedLog: Readonly<Record<string, TableTarget>> = {
  'public.log': {
    name: 'public.entries',
    columns: {
      entry_key: 'key',
      entry_number: { from: ['number'], value: (number) => (number === null ? null : `n${number}`) },
      filler: 'padding',
      origin: { value: 'log' },
    },
  },
};

/** For a process of its own: the argument is the address of the target, with `map:` in front for `mappedLog`. */
export function createChild(argument: string): SinkChild {
  const isMapped = argument.startsWith('map:');
  const url = isMapped ? argument.slice('map:'.length) : argument;
  return { sink: postgresSink(isMapped ? { url, tables: mappedLog } : { url }), record: logRecord };
}
