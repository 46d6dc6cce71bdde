/** `headwater/view`: tables kept in the memory of the application, always as they were between two commits. Needs no further package. */
export {
  defineView,
  type View,
  type ViewAnswer,
  type ViewCondition,
  type ViewOptions,
  type ViewPlace,
  type ViewPosition,
  type ViewReadOptions,
  type ViewTokenOptions,
} from './reading/view/define-view.ts';
export {
  viewTable,
  type ViewAggregate,
  type ViewRow,
  type ViewTableDefinition,
  type ViewTableOptions,
} from './reading/view/view-definition.ts';
export type { ViewWaitOptions } from './reading/view/position-waits.ts';
export type { IncompleteViewTable } from './reading/view/incomplete-tables.ts';
export type { ViewTable, ViewTables } from './reading/view/view-table.ts';
export type { SinkDefinition } from './delivery/sink.ts';
export type { Lsn } from './model/lsn.ts';
export type { Sequence } from './model/position.ts';
