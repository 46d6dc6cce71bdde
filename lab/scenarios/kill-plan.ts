import type { Random } from '../../src/foundation/random.ts';

/** When Headwater is killed, in milliseconds since the program of that phase began. */
export interface KillPlan {
  readonly load: readonly number[];
  readonly run: readonly number[];
}

/** How many kills fall into the load, and in all. */
const loadKillCount = 4;
const killCount = 14;
/** The first kills of the load come early enough for a fast machine; each restart takes longer than the gap. */
const loadGapMs = { least: 100, spread: 400 } as const;

/**
 * Draws the kills: those of the load follow each other closely, because nobody knows how long it takes; those of the run are one
 * at a random moment of each of its equal parts. Pure: the same random numbers, the same plan.
 */
export function planKills(random: Random, runMs: number): KillPlan {
  let at = 0;
  const load = Array.from({ length: loadKillCount }, () => {
    at += loadGapMs.least + random.next() * loadGapMs.spread;
    return Math.round(at);
  });
  const partCount = killCount - loadKillCount;
  return { load, run: drawMoments(random, partCount, runMs) };
}

/** One random moment of each of `count` equal parts of a time, in order. Pure. */
export function drawMoments(random: Random, count: number, spanMs: number): number[] {
  return Array.from({ length: count }, (_, part) => Math.round(((part + random.next()) * spanMs) / count));
}
