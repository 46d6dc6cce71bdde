import { join } from 'node:path';

import { unreachable } from '../../foundation/assert.ts';
import type { Disk, DiskFile } from '../../foundation/disk.ts';
import { corruptBytes, missingFile } from './corruption.ts';
import type { GatheredBytes } from './frame-appender.ts';
import { bodyEncodingCode, frameHeaderLength, frameKind } from './frame.ts';
import { encodeFrame } from './frame-encoding.ts';
import type { JournalPaths } from './journal-paths.ts';
import { segmentPath } from './journal-paths.ts';
import type { OpenSpool, WrittenFragment } from './open-spool.ts';
import { readWhole } from './read-whole.ts';
import { createSegment, type Preamble } from './segment-file.ts';

/** One step on the way of appended bytes to the disk. Steps are performed in the order of the appends. */
export type WriteStep =
  | { readonly kind: 'roll'; readonly segment: number; readonly preamble: Preamble }
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: GatheredBytes }
  | { readonly kind: 'spool-create'; readonly spool: OpenSpool }
  | { readonly kind: 'spool-write'; readonly spool: OpenSpool; readonly offset: number; readonly bytes: GatheredBytes }
  | {
      readonly kind: 'spool-copy';
      readonly spool: OpenSpool;
      readonly offset: number;
      readonly fragment: WrittenFragment;
    }
  | { readonly kind: 'spool-finish'; readonly spool: OpenSpool; readonly name: string }
  | { readonly kind: 'spool-remove'; readonly spool: OpenSpool }
  | { readonly kind: 'spool-delete'; readonly name: string };

/** Performs write steps. Owns the open segment and the open spools. After an error it is only to be closed. */
export class SegmentWriter {
  readonly #disk: Disk;
  readonly #paths: JournalPaths;
  readonly #spools = new Map<OpenSpool, DiskFile>();
  readonly #giveBack: (bytes: GatheredBytes) => void;
  #file: DiskFile;
  #isDirty = false;
  /** Spools that nothing needs once the steps at hand are durable. */
  #deletable: string[] = [];

  constructor(disk: Disk, paths: JournalPaths, file: DiskFile, giveBack: (bytes: GatheredBytes) => void) {
    this.#disk = disk;
    this.#paths = paths;
    this.#file = file;
    this.#giveBack = giveBack;
  }

  /** All steps are durable when it resolves. */
  async perform(steps: readonly WriteStep[]): Promise<void> {
    for (const step of steps) await this.#perform(step);
    if (this.#isDirty) await this.#file.flush();
    this.#isDirty = false;
    const deletable = this.#deletable;
    this.#deletable = [];
    for (const name of deletable) await this.#disk.remove(join(this.#paths.spool, name));
  }

  async close(): Promise<void> {
    const files = [this.#file, ...this.#spools.values()];
    this.#spools.clear();
    await Promise.allSettled(files.map((file) => file.close()));
  }

  async #perform(step: WriteStep): Promise<void> {
    switch (step.kind) {
      case 'write':
        this.#isDirty = true;
        await this.#file.write(step.bytes.buffers, step.offset);
        this.#giveBack(step.bytes);
        return;
      case 'roll':
        return await this.#roll(step.segment, step.preamble);
      case 'spool-create': {
        const file = await this.#disk.create(join(this.#paths.spool, step.spool.openName));
        this.#spools.set(step.spool, file);
        return await file.write([step.spool.headerBytes], 0);
      }
      case 'spool-write':
        await this.#spoolFile(step.spool).write(step.bytes.buffers, step.offset);
        step.spool.giveBack(step.bytes);
        return;
      case 'spool-copy':
        return await this.#copy(step.spool, step.offset, step.fragment);
      case 'spool-finish':
        return await this.#finish(step.spool, step.name);
      case 'spool-remove':
        await this.#spoolFile(step.spool).close();
        this.#spools.delete(step.spool);
        return await this.#disk.remove(join(this.#paths.spool, step.spool.openName));
      case 'spool-delete':
        this.#deletable.push(step.name);
        return;
      default:
        return unreachable(step);
    }
  }

  /** The old segment is flushed whole before the new one is there: its length is then final. */
  async #roll(segment: number, preamble: Preamble): Promise<void> {
    await this.#file.flush();
    this.#isDirty = false;
    await this.#file.close();
    this.#file = await createSegment(this.#disk, this.#paths, segment, preamble);
    const size = await this.#file.size();
    if (size !== preamble.end)
      throw corruptBytes(segmentPath(this.#paths, segment), size, 'a new segment has another length');
  }

  async #copy(spool: OpenSpool, offset: number, fragment: WrittenFragment): Promise<void> {
    const body = Buffer.allocUnsafeSlow(fragment.bodyByteCount);
    await readWhole(this.#file, body, fragment.offset + frameHeaderLength);
    const frame = encodeFrame(spool.headerCrc, offset, {
      kind: frameKind.fragment,
      encoding: bodyEncodingCode[fragment.encoding],
      xid: fragment.subxid,
      durableEnd: 0,
      body,
    });
    await this.#spoolFile(spool).write([frame.bytes], offset);
  }

  async #finish(spool: OpenSpool, name: string): Promise<void> {
    const file = this.#spoolFile(spool);
    await file.flush();
    await file.close();
    this.#spools.delete(spool);
    await this.#disk.rename(join(this.#paths.spool, spool.openName), join(this.#paths.spool, name));
    await this.#disk.flushDirectory(this.#paths.spool);
  }

  #spoolFile(spool: OpenSpool): DiskFile {
    const file = this.#spools.get(spool);
    if (file === undefined) throw missingFile(join(this.#paths.spool, spool.openName), 'it is not open');
    return file;
  }
}
