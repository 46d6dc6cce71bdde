/** `headwater/sqlite`: mirrors tables into a SQLite database, or runs own statements there, by Node's own `node:sqlite`. */
export { sqliteSink } from './delivery/sinks/sqlite/sqlite-sink.ts';
export type { SqliteSinkOptions, SqliteTableTarget } from './delivery/sinks/sqlite/sqlite-options.ts';
export type { RecordStatements, TargetStatement } from './delivery/record-statements.ts';
export type { SinkDefinition } from './delivery/sink.ts';
