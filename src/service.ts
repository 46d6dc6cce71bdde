/** `headwater/service`: the running service inside an application. */
export { startHeadwater, type Headwater, type LaneControl, type StartOptions } from './service/headwater.ts';
export type { Freshness, ReadyOptions, BoundaryReader, BoundaryReport, LaneBoundary } from './model/freshness.ts';
export type { StandbyOptions } from './service/standby.ts';
export type { OwnerReport, StandbyReport, TakeoverReport } from './service/standby-report.ts';
export type {
  IncompleteTable,
  JournalReport,
  LaneReport,
  ReportedError,
  SourceReport,
  StatusReport,
} from './service/status-report.ts';
