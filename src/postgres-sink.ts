/** `headwater/postgres`: mirrors tables into another PostgreSQL, or runs own statements there. Needs the package `pg`. */
export { postgresSink } from './delivery/sinks/postgres/postgres-sink.ts';
export { printSinkSql } from './delivery/sinks/postgres/sink-objects.sql.ts';
export type {
  ColumnSource,
  LentClient,
  LentPool,
  PostgresSinkOptions,
  TableTarget,
} from './delivery/sinks/postgres/postgres-options.ts';
export type { RecordStatements, TargetStatement } from './delivery/record-statements.ts';
export type { SinkDefinition } from './delivery/sink.ts';
