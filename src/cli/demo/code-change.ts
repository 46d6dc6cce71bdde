import { readFile } from 'node:fs/promises';

/** A line that only one of the two versions has. */
export interface ChangedLine {
  readonly sign: '-' | '+';
  readonly text: string;
}

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** The code that the demo is about, from the very files that run. */
export interface ShownCode {
  /** The two functions of the naive order service, without imports. */
  readonly naive: readonly string[];
  /** What tells the emitting one from it. */
  readonly changes: readonly ChangedLine[];
}

/** Reads both versions of the order service. */
export async function readShownCode(): Promise<ShownCode> {
  const [naive = [], emitting = []] = await Promise.all(
    ['naive', 'emitting'].map(async (version) => {
      const path = new URL(`./shop/${version}-orders${EXTENSION}`, import.meta.url);
      return (await readFile(path, 'utf8')).trimEnd().split('\n');
    }),
  );
  const begin = naive.findIndex((line) => line.startsWith('/**'));
  return { naive: naive.slice(begin), changes: diffLines(naive, emitting) };
}

/** The lines outside a longest common subsequence, removed ones before added ones at each place. Pure. */
export function diffLines(before: readonly string[], after: readonly string[]): readonly ChangedLine[] {
  // common[i][j]: how many lines the rests from i and from j have in common.
  const common = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    const row = common[i] ?? [];
    for (let j = after.length - 1; j >= 0; j -= 1) {
      row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const changes: ChangedLine[] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length;) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      i += 1;
      j += 1;
    } else if (i < before.length && (j === after.length || at(i + 1, j) >= at(i, j + 1))) {
      changes.push({ sign: '-', text: before[i] ?? '' });
      i += 1;
    } else {
      changes.push({ sign: '+', text: after[j] ?? '' });
      j += 1;
    }
  }
  return changes;
}
