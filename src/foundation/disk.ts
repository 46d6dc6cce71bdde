/** An open file. Offsets and sizes are bytes. One owner; `close` is idempotent. */
export interface DiskFile {
  readonly path: string;
  size(): Promise<number>;
  /** Reads up to `target.length` bytes at `offset`; resolves with how many there were (0 at the end). */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Writes all buffers one behind the other from `offset` on, whole. Not durable before `flush`. */
  write(buffers: readonly Uint8Array[], offset: number): Promise<void>;
  /** What was written before the call is durable when it resolves. A failed flush may have lost data: never retried. */
  flush(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** The file system that the journal sees. The simulator passes one that tears, loses and reorders what was not flushed. */
export interface Disk {
  /** Makes the directory and its parents, mode 0700, and makes the last entry durable. */
  makeDirectory(path: string): Promise<void>;
  /** Names in the directory, sorted. An absent directory has none. */
  list(path: string): Promise<readonly string[]>;
  /** `create` fails when the file is there; `write` and `read` fail when it is not (undefined then). Files get mode 0600. */
  create(path: string): Promise<DiskFile>;
  openForWriting(path: string): Promise<DiskFile | undefined>;
  openForReading(path: string): Promise<DiskFile | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Absent is no error. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  flushDirectory(path: string): Promise<void>;
}
