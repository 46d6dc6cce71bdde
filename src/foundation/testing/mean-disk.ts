import { dirname } from 'node:path';

import type { Disk, DiskFile } from '../disk.ts';
import type { Random } from '../random.ts';
import { MeanFile } from './mean-file.ts';

/** What a call on the disk was, for those who want to interfere. */
export interface DiskCall {
  readonly kind:
    | 'create'
    | 'open'
    | 'read'
    | 'write'
    | 'flush'
    | 'truncate'
    | 'rename'
    | 'remove'
    | 'flush-directory'
    | 'list';
  readonly path: string;
  /** Counts from 1 over all calls that change something. */
  readonly number: number;
}

/** What happens at a call. */
export type DiskFault =
  | { readonly kind: 'none' }
  /** The machine is gone before the call, in the middle of it, or behind it. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'during' | 'after' }
  /** The call fails; a flush that fails drops what it should have written, as Linux does. */
  | { readonly kind: 'error'; readonly code: string };

/** How a mean disk is made. */
export interface MeanDiskOptions {
  readonly random: Random;
  /** Decides what happens at each call. Default: nothing. */
  readonly fault?: (call: DiskCall) => DiskFault;
  /** Waits before each call and inside each flush, so that a scheduler can put others in between. */
  readonly pause?: () => Promise<void>;
  /** Bytes that fit; a write beyond them is cut short and fails with ENOSPC. */
  readonly capacityByteCount?: number;
}

type DirectoryChange =
  | { readonly kind: 'set'; readonly path: string; readonly file: MeanFile }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly file: MeanFile }
  | { readonly kind: 'delete'; readonly path: string };

const calm: DiskFault = { kind: 'none' };

/**
 * A file system in memory that keeps only what it promised. What was not flushed is lost, kept or torn page by page after a
 * power cut, in any order; names that were not flushed with their directory come and go; a failed flush forgets.
 * Everything follows from the given randomness.
 */
export class MeanDisk implements Disk {
  readonly #random: Random;
  readonly #pause: () => Promise<void>;
  #fault: (call: DiskCall) => DiskFault;
  #capacity: number;
  #callNumber = 0;
  #names = new Map<string, MeanFile>();
  #durableNames = new Map<string, MeanFile>();
  #changes: DirectoryChange[] = [];
  readonly #crash: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #isCrashed = false;

  constructor(options: MeanDiskOptions) {
    this.#random = options.random;
    this.#fault = options.fault ?? (() => calm);
    this.#pause = options.pause ?? (async () => {});
    this.#capacity = options.capacityByteCount ?? Number.POSITIVE_INFINITY;
  }

  /** Resolves when a fault has crashed the machine: no call returns any more. */
  get crashed(): Promise<void> {
    return this.#crash.promise;
  }

  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  /** Calls so far that change something. */
  get callNumber(): number {
    return this.#callNumber;
  }

  setFault(fault: (call: DiskCall) => DiskFault): void {
    this.#fault = fault;
  }

  setCapacity(byteCount: number): void {
    this.#capacity = byteCount;
  }

  /** No call returns from now on, as for a process that was killed. */
  crash(): void {
    this.#isCrashed = true;
    this.#crash.resolve();
  }

  /** What a new process finds after the old one was killed: everything that was written, flushed or not. */
  afterKill(options: Partial<MeanDiskOptions> = {}): MeanDisk {
    this.crash();
    const next = new MeanDisk({ random: this.#random, pause: this.#pause, ...options });
    next.#names = new Map(this.#names);
    next.#durableNames = new Map(this.#durableNames);
    next.#changes = [...this.#changes];
    return next;
  }

  /** What is found after a power cut. */
  afterPowerCut(options: Partial<MeanDiskOptions> = {}): MeanDisk {
    this.crash();
    const names = new Map(this.#durableNames);
    for (const change of this.#changes) if (this.#random.next() < 0.5) applyChange(names, change);
    const survivors = new Map(
      [...new Set(names.values())].map((file) => [file, file.afterPowerCut(this.#random)] as const),
    );
    const next = new MeanDisk({ random: this.#random, pause: this.#pause, ...options });
    for (const [path, file] of names) {
      const survivor = survivors.get(file);
      if (survivor === undefined) continue;
      next.#names.set(path, survivor);
      next.#durableNames.set(path, survivor);
    }
    return next;
  }

  /** Paths of all files, sorted. */
  get paths(): readonly string[] {
    return [...this.#names.keys()].toSorted();
  }

  /** A copy of what a file holds now. */
  content(path: string): Buffer {
    return Buffer.from(this.#names.get(path)?.content ?? Buffer.alloc(0));
  }

  /** Puts content in place as if it had always been there. */
  plant(path: string, content: Uint8Array): void {
    const file = MeanFile.holding(content);
    this.#names.set(path, file);
    this.#durableNames.set(path, file);
  }

  /** The file is gone as if it had never been there. */
  uproot(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  async makeDirectory(_path: string): Promise<void> {
    await this.#enter();
  }

  async list(path: string): Promise<readonly string[]> {
    await this.#enter();
    return [...this.#names.keys()]
      .filter((name) => dirname(name) === path)
      .map((name) => name.slice(path.length + 1))
      .toSorted();
  }

  async create(path: string): Promise<DiskFile> {
    return await this.#change('create', path, () => {
      if (this.#names.has(path)) throw diskError('EEXIST', path);
      const file = new MeanFile();
      this.#names.set(path, file);
      this.#changes.push({ kind: 'set', path, file });
      return this.#open(path, file);
    });
  }

  async openForWriting(path: string): Promise<DiskFile | undefined> {
    return await this.openForReading(path);
  }

  async openForReading(path: string): Promise<DiskFile | undefined> {
    await this.#enter();
    const file = this.#names.get(path);
    return file === undefined ? undefined : this.#open(path, file);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change('rename', to, () => {
      const file = this.#names.get(from);
      if (file === undefined) throw diskError('ENOENT', from);
      this.#names.delete(from);
      this.#names.set(to, file);
      this.#changes.push({ kind: 'rename', from, to, file });
    });
  }

  async remove(path: string): Promise<void> {
    await this.#change('remove', path, () => {
      if (this.#names.delete(path)) this.#changes.push({ kind: 'delete', path });
    });
  }

  async flushDirectory(path: string): Promise<void> {
    await this.#change('flush-directory', path, () => {
      const isInside = (change: DirectoryChange): boolean =>
        dirname(change.kind === 'rename' ? change.to : change.path) === path;
      for (const change of this.#changes) if (isInside(change)) applyChange(this.#durableNames, change);
      this.#changes = this.#changes.filter((change) => !isInside(change));
    });
  }

  #open(path: string, file: MeanFile): DiskFile {
    return {
      path,
      size: async () => {
        await this.#enter();
        return file.content.length;
      },
      read: async (target, offset) => {
        await this.#enter();
        return file.content.copy(target, 0, Math.min(offset, file.content.length));
      },
      write: async (buffers, offset) => await this.#write(path, file, Buffer.concat(buffers), offset),
      flush: async () => await this.#flush(path, file),
      truncate: async (size) => await this.#change('truncate', path, () => file.truncate(size)),
      close: async () => {},
    };
  }

  async #write(path: string, file: MeanFile, bytes: Buffer, offset: number): Promise<void> {
    const half = (): void => file.write(bytes.subarray(0, Math.floor(this.#random.next() * bytes.length)), offset);
    await this.#change(
      'write',
      path,
      () => {
        const room = this.#capacity - this.#usedByteCount() + file.content.length - offset;
        if (bytes.length > room) {
          file.write(bytes.subarray(0, Math.max(0, room)), offset);
          throw diskError('ENOSPC', path);
        }
        file.write(bytes, offset);
      },
      half,
    );
  }

  async #flush(path: string, file: MeanFile): Promise<void> {
    // Only what was written before the call is promised.
    const mark = file.markWrites();
    const fault = await this.#begin('flush', path);
    if (fault.kind === 'error') {
      file.forgetUntil(mark);
      throw diskError(fault.code, path);
    }
    if (fault.kind === 'crash' && fault.when !== 'after') return await this.#die();
    await this.#pause();
    if (this.#isCrashed) return await this.#die();
    file.makeDurable(mark);
    if (fault.kind === 'crash') await this.#die();
  }

  async #change<Result>(kind: DiskCall['kind'], path: string, act: () => Result, half?: () => void): Promise<Result> {
    const fault = await this.#begin(kind, path);
    if (fault.kind === 'error') throw diskError(fault.code, path);
    if (fault.kind === 'crash' && fault.when === 'during') half?.();
    if (fault.kind === 'crash' && fault.when !== 'after') return await this.#die();
    const result = act();
    return fault.kind === 'crash' ? await this.#die() : result;
  }

  async #begin(kind: DiskCall['kind'], path: string): Promise<DiskFault> {
    await this.#enter();
    this.#callNumber += 1;
    return this.#fault({ kind, path, number: this.#callNumber });
  }

  async #enter(): Promise<void> {
    await this.#pause();
    if (this.#isCrashed) await this.#die();
  }

  #die(): Promise<never> {
    this.crash();
    return new Promise<never>(() => {});
  }

  #usedByteCount(): number {
    return [...new Set(this.#names.values())].reduce((sum, file) => sum + file.content.length, 0);
  }
}

function applyChange(names: Map<string, MeanFile>, change: DirectoryChange): void {
  if (change.kind === 'delete') names.delete(change.path);
  else if (change.kind === 'set') names.set(change.path, change.file);
  else {
    if (names.get(change.from) === change.file) names.delete(change.from);
    names.set(change.to, change.file);
  }
}

function diskError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, syscall: 'mean' });
}
