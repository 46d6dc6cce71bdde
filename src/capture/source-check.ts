/** One thing that was looked at before or beside capture, for `headwater doctor` and for people. */
export interface SourceCheck {
  /** Stable name, `source.wal-level`. */
  readonly id: string;
  readonly result: 'ok' | 'warning' | 'failed';
  /** What was found, and for a warning or failure what it leads to. */
  readonly why: string;
  /** The exact statement or step that mends it; undefined when nothing is to be mended. */
  readonly fix: string | undefined;
}
