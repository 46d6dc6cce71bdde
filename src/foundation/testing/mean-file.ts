import type { Random } from '../random.ts';

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

/** Sectors are written whole or torn; pages are bigger, and reach the disk in any order. */
const pageByteCount = 512;

/** One file of a mean disk: what programs see, and what the disk would still have after a power cut. */
export class MeanFile {
  #content: Buffer = Buffer.alloc(0);
  #length = 0;
  #durable: Buffer = Buffer.alloc(0);
  #changes: Change[] = [];

  static holding(content: Uint8Array): MeanFile {
    const file = new MeanFile();
    file.#content = Buffer.from(content);
    file.#length = content.length;
    file.#durable = Buffer.from(content);
    return file;
  }

  get content(): Buffer {
    return this.#content.subarray(0, this.#length);
  }

  write(bytes: Buffer, offset: number): void {
    const end = offset + bytes.length;
    if (end > this.#content.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.#content.length));
      this.content.copy(grown);
      this.#content = grown;
    }
    bytes.copy(this.#content, offset);
    this.#length = Math.max(this.#length, end);
    this.#changes.push({ kind: 'write', offset, bytes: Buffer.from(bytes) });
  }

  truncate(size: number): void {
    this.#content.fill(0, size);
    this.#length = size;
    this.#changes.push({ kind: 'truncate', size });
  }

  /** @returns what `makeDurable` and `forgetUntil` take: everything written up to now */
  markWrites(): readonly unknown[] {
    return [...this.#changes];
  }

  makeDurable(mark: readonly unknown[]): void {
    const marked = new Set(mark);
    for (const change of this.#changes) if (marked.has(change)) this.#durable = applied(this.#durable, change);
    this.#changes = this.#changes.filter((change) => !marked.has(change));
  }

  /** The system holds those bytes as clean, and the disk has not got them: no later flush writes them. */
  forgetUntil(mark: readonly unknown[]): void {
    const marked = new Set(mark);
    this.#changes = this.#changes.filter((change) => !marked.has(change));
  }

  afterPowerCut(random: Random): MeanFile {
    let survived: Buffer = Buffer.from(this.#durable);
    for (const change of this.#changes)
      for (const part of pagesOf(change)) survived = maybeApplied(survived, part, random);
    return MeanFile.holding(survived);
  }
}

function pagesOf(change: Change): readonly Change[] {
  if (change.kind === 'truncate') return [change];
  const pages: Change[] = [];
  const end = change.offset + change.bytes.length;
  for (let offset = change.offset; offset < end;) {
    const pageEnd = Math.min(end, (Math.floor(offset / pageByteCount) + 1) * pageByteCount);
    const bytes = change.bytes.subarray(offset - change.offset, pageEnd - change.offset);
    pages.push({ kind: 'write', offset, bytes });
    offset = pageEnd;
  }
  return pages;
}

function maybeApplied(content: Buffer, change: Change, random: Random): Buffer {
  const chance = random.next();
  if (chance < 0.4) return content;
  if (chance < 0.85 || change.kind === 'truncate') return applied(content, change);
  const torn = Math.floor(random.next() * change.bytes.length);
  return applied(content, { ...change, bytes: change.bytes.subarray(0, torn) });
}

function applied(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    const cut = Buffer.alloc(change.size);
    content.copy(cut);
    return cut;
  }
  const end = change.offset + change.bytes.length;
  const result = end > content.length ? Buffer.alloc(end) : content;
  if (result !== content) content.copy(result);
  change.bytes.copy(result, change.offset);
  return result;
}
