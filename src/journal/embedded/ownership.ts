/** Whether this process still owns the journal that it writes. */
export interface Ownership {
  /**
   * Looks again, unless it did a moment ago. `isForced` looks in any case.
   * @throws HW-JOURNAL-004 when another epoch has begun or the directory was replaced
   */
  verify(isForced: boolean): Promise<void>;
}
