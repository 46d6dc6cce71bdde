import { type RecordRequest, type StoredRecord, suiteRecord as suiteEvent } from '../../../../testing/suite-records.ts';
import type { UnplacedRecord } from '../../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../../testing/sink-child.ts';
import { insertRow, testTable } from '../../../testing/test-table.ts';
import type { RedisSinkOptions } from '../redis-options.ts';
import { redisSink } from '../redis-sink.ts';

/** What a process that is killed needs to know. */
export interface RedisChildOptions {
  readonly url: string;
  readonly form: 'hash' | 'json' | 'stream';
  /** What every key begins with. */
  readonly prefix: string;
}

/** The options of a sink of the suite, whose keys are apart from those of other tests. */
export function suiteOptions({ form, prefix, url }: RedisChildOptions): RedisSinkOptions {
  const common = {
    url,
    positionPrefix: `${prefix}own:`,
    target: 'suite',
    recordBytesMax: 100_000,
    commandTimeoutMs: 2000,
  };
  return form === 'stream' ? { ...common, form, stream: `${prefix}log` } : { ...common, form, prefix: `${prefix}row:` };
}

/** Each record is a row of its own, so that every effect is seen. */
const logTable = testTable('log', [{ name: 'key', isKey: true }, { name: 'number', isKey: true }, { name: 'padding' }]);

/** A record of the suite: a row where keys are written, an event where entries are. */
export function suiteRecord(form: RedisChildOptions['form'], request: RecordRequest): UnplacedRecord {
  const { key, number, size = 8 } = request;
  return form === 'stream' ? suiteEvent(request) : insertRow(logTable, key, String(number), 'x'.repeat(size));
}

/** What `suiteRecord` made, as its key names it. */
export function parseSuiteKey(key: string): StoredRecord {
  const [name, number] = JSON.parse(key.slice(key.indexOf(':[') + 1)) as readonly [string, string];
  return { key: name, number: Number(number) };
}

/** What `suiteRecord` made, as it stands in an entry. */
export function parseSuiteValue(value: string | undefined): StoredRecord {
  const { key, number } = JSON.parse(value ?? 'null') as StoredRecord;
  return { key, number };
}

/** For a process of its own. */
export function createChild(argument: string): SinkChild {
  const options = JSON.parse(argument) as RedisChildOptions;
  return { sink: redisSink(suiteOptions(options)), record: (request) => suiteRecord(options.form, request) };
}
