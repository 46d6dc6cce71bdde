import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SinkChild } from '../../../testing/sink-child.ts';
import { logRecord } from '../../postgres/testing/log-child.ts';
import { sqliteSink } from '../sqlite-sink.ts';

/** What `createChild` takes as JSON: at which of its commits the process stands still, and on which side of it. */
export interface SqliteChildOptions {
  readonly file: string;
  readonly when: 'before' | 'after';
  readonly count: number;
}

/** Printed where the process stands still. */
export const heldText = 'standing still';

/** SQLite itself, in which one COMMIT of this process never comes back. */
function holdCommit({ when, count }: SqliteChildOptions): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with the database that it is taken from
  const { exec } = DatabaseSync.prototype;
  let commits = 0;
  DatabaseSync.prototype.exec = function hold(this: DatabaseSync, text: string): void {
    if (text !== 'commit') return exec.call(this, text);
    commits += 1;
    if (commits !== count) return exec.call(this, text);
    if (when === 'after') exec.call(this, text);
    writeSync(1, heldText);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
}

export function createChild(argument: string): SinkChild {
  const options = JSON.parse(argument) as SqliteChildOptions;
  holdCommit(options);
  return { sink: sqliteSink({ file: options.file }), record: logRecord };
}
