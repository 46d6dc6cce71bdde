/** What the stream was made of since the connection began. Nothing is left out without a count. */
export interface StreamCounts {
  /** Transactions that went to the recorder. */
  readonly transactions: number;
  /** Row changes, truncates and events in them. */
  readonly records: number;
  /** Transactions that the recorder had already. */
  readonly duplicates: number;
  /** Transactions without a record of ours: canaries, messages of other programs, empty ones. */
  readonly withoutRecords: number;
  /** Messages with our prefix that are not transactional: forged, never events. */
  readonly forgedMessages: number;
  readonly receivedBytes: number;
}

/** Of a stream that has not begun. */
export const noStreamCounts: StreamCounts = {
  transactions: 0,
  records: 0,
  duplicates: 0,
  withoutRecords: 0,
  forgedMessages: 0,
  receivedBytes: 0,
};
