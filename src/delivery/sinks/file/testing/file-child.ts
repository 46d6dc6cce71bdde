import { writeSync } from 'node:fs';
import type { Disk, DiskFile } from '../../../../foundation/disk.ts';
import { nodeDisk } from '../../../../foundation/node-disk.ts';
import type { SinkChild } from '../../../testing/sink-child.ts';
import { suiteRecord } from '../../kafka/testing/kafka-child.ts';
import { fileSinkOn } from '../file-sink.ts';
import type { FileSinkOptions } from '../file-options.ts';

/** Where a process that is killed stands still: in front of, in the middle of, or behind a call on the disk. */
export interface HoldPoint {
  readonly kind: 'write' | 'flush' | 'rename' | 'flush-directory';
  readonly when: 'before' | 'during' | 'after';
  /** At its so-many-th call of the kind, from 1. */
  readonly count: number;
}

/** What `createChild` takes as JSON. */
export interface FileChildOptions {
  readonly options: FileSinkOptions;
  readonly hold: HoldPoint;
}

/** Printed where the process stands still. */
export const heldText = 'standing still';

/** The machine's own disk, on which one call never comes back. */
function holdDisk(disk: Disk, { kind, when, count }: HoldPoint): Disk {
  let calls = 0;
  const stand = (): Promise<never> => {
    writeSync(1, heldText);
    return new Promise<never>(() => {});
  };
  const pass = async (called: HoldPoint['kind'], whole: () => Promise<void>, half = whole): Promise<void> => {
    if (called !== kind) return await whole();
    calls += 1;
    if (calls !== count) return await whole();
    if (when === 'during') await half();
    if (when === 'after') await whole();
    return await stand();
  };
  const wrap = (file: DiskFile): DiskFile => ({
    ...file,
    write: (buffers, offset) =>
      pass(
        'write',
        () => file.write(buffers, offset),
        () => file.write([Buffer.concat(buffers).subarray(0, Buffer.concat(buffers).length / 2)], offset),
      ),
    flush: () => pass('flush', () => file.flush()),
  });
  return {
    ...disk,
    create: async (path) => wrap(await disk.create(path)),
    openForWriting: async (path) => {
      const file = await disk.openForWriting(path);
      return file === undefined ? undefined : wrap(file);
    },
    rename: (from, to) => pass('rename', () => disk.rename(from, to)),
    flushDirectory: (path) => pass('flush-directory', () => disk.flushDirectory(path)),
  };
}

export function createChild(argument: string): SinkChild {
  const { options, hold } = JSON.parse(argument) as FileChildOptions;
  return { sink: fileSinkOn(holdDisk(nodeDisk, hold), options), record: suiteRecord };
}
