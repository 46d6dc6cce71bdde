import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { judgeSlope, type FlatLimit, type Slope } from './slope.ts';
import { soakPhases } from './soak-plan.ts';
import type { ProcessSample, SoakReport } from './soak-report.ts';

/** What is called flat in each of them. Parked records hold the journal for a while, so its limit is the widest. */
export function flatLimits(segmentBytes: number): Readonly<Record<keyof SoakReport['slopes'], FlatLimit>> {
  return {
    memoryBytes: { share: 0.1, least: 0 },
    descriptors: { share: 0.1, least: 4 },
    journalBytes: { share: 0.25, least: 4 * segmentBytes },
  };
}

/** Looks at a process by `/proc`; undefined when it is gone, or this is not Linux. */
export async function sampleProcess(
  pid: number,
  journalDirectory: string,
  atMs: number,
): Promise<ProcessSample | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const memoryKilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
    return {
      atMs: Math.round(atMs),
      memoryBytes: memoryKilobytes * 1024,
      descriptors,
      journalBytes: await sizeOf(journalDirectory),
    };
  } catch {
    return undefined;
  }
}

/** The slopes over the part of the run in which Headwater was left alone. Pure. */
export function judgeSamples(
  samples: readonly ProcessSample[],
  runMs: number,
  segmentBytes: number,
): SoakReport['slopes'] {
  const [begin, end] = [runMs * soakPhases.samplesBegin, runMs * soakPhases.samplesEnd];
  const counted = samples.filter(({ atMs }) => atMs >= begin && atMs <= end);
  const limits = flatLimits(segmentBytes);
  const judge = (name: keyof SoakReport['slopes']): Slope =>
    judgeSlope(
      counted.map((sample) => ({ atMs: sample.atMs, value: sample[name] })),
      limits[name],
    );
  return {
    memoryBytes: judge('memoryBytes'),
    descriptors: judge('descriptors'),
    journalBytes: judge('journalBytes'),
  };
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    // A segment may be removed between the two questions.
    if (entry.isDirectory()) bytes += await sizeOf(path);
    else
      bytes += await stat(path).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}
