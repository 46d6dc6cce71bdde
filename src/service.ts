/** `headwater/service`: the running service inside an application. */
export { startHeadwater, type Headwater, type LaneControl, type StartOptions } from './service/headwater.ts';
export type {
  IncompleteTable,
  JournalReport,
  LaneReport,
  ReportedError,
  SourceReport,
  StatusReport,
} from './service/status-report.ts';
