import type { Disk, DiskFile } from '../../../foundation/disk.ts';

/** Remembers what is open on a disk, so that a test can end a user of it as a kill does: without any of its own steps. */
export class TrackingDisk implements Disk {
  readonly #disk: Disk;
  readonly #open = new Set<DiskFile>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map((file) => file.close()));
    this.#open.clear();
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  async create(path: string): Promise<DiskFile> {
    return this.#track(await this.#disk.create(path));
  }

  async openForWriting(path: string): Promise<DiskFile | undefined> {
    return this.#track(await this.#disk.openForWriting(path));
  }

  async openForReading(path: string): Promise<DiskFile | undefined> {
    return this.#track(await this.#disk.openForReading(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  flushDirectory(path: string): Promise<void> {
    return this.#disk.flushDirectory(path);
  }

  #track<File extends DiskFile | undefined>(file: File): File {
    if (file !== undefined) this.#open.add(file);
    return file;
  }
}
