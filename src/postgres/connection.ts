/** A column value as PostgreSQL sends it: text, or null. Numbers and times are never converted on the way. */
export type QueryRow = Readonly<Record<string, string | null>>;

/** An ordinary session for statements, one at a time. Values stay text. */
export interface Connection extends AsyncDisposable {
  /** The server process of the session, as the server itself names it. */
  readonly backendPid: number;
  /** `server_version_num`: 150018 for 15.18. */
  readonly serverVersion: number;
  /** False once the session ended, by whichever side. */
  readonly isOpen: boolean;
  /**
   * Runs one statement. Cancel ends the session, because a statement under way cannot be left safely.
   * @throws HW-SOURCE codes by SQLSTATE.
   */
  query(
    text: string,
    values?: readonly (string | number | bigint | boolean | null)[],
    signal?: AbortSignal,
  ): Promise<readonly QueryRow[]>;
  close(): Promise<void>;
}
