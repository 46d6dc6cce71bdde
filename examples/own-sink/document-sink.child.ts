import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { SinkChild } from '../../src/testing.ts';
import { documentSink } from './document-sink.ts';

/** What `createChild` takes as JSON: which file is never put in its place. */
export interface ChildOptions {
  readonly directory: string;
  readonly at: 'document' | 'checkpoint';
}

/** Printed where the process stands still. */
export const standing = 'standing still';

/** The sink in a process that stands still in front of its seventh document or its third checkpoint, until it is killed. */
export function createChild(argument: string): SinkChild {
  const { directory, at } = JSON.parse(argument) as ChildOptions;
  const { rename } = fs;
  const counts = { document: 0, checkpoint: 0 };
  fs.rename = async (from, to) => {
    const kind = String(to).endsWith('.json') ? 'document' : 'checkpoint';
    counts[kind] += 1;
    if (kind === at && counts[kind] === (at === 'document' ? 7 : 3)) {
      process.stdout.write(standing);
      await new Promise<never>(() => {});
    }
    await rename(from, to);
  };
  syncBuiltinESMExports();
  return { sink: documentSink({ directory }) };
}
