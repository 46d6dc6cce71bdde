/** What the process is doing at a place. */
export type CrashPlace =
  /** It waits for whatever comes next: between two steps. */
  | 'await'
  /** It changes the disk. */
  | 'disk-call'
  /** It does what takes effect at once, without an await. */
  | 'immediate-call';

/** A place and one way to end there. Two runs that are alike pass equal points in the same order. */
export interface CrashPoint {
  readonly place: CrashPlace;
  /** For people, and to compare runs: with the step's number, time, owner and name. */
  readonly description: string;
  readonly end: string;
}

/**
 * Counts the points of a run at which the process may crash, and says at one of them that it does. A run without a wanted
 * point lists what there is; a run for each number of that list then crashes everywhere, once.
 */
export class CrashPoints {
  readonly passed: CrashPoint[] = [];
  readonly #wanted: number | undefined;
  #hasCrashed = false;

  /** `wanted`: the number of the point to crash at, from 0; undefined: at none. */
  constructor(wanted?: number) {
    this.#wanted = wanted;
  }

  /** The crash came about: the last point passed is its own, and no later one is counted. */
  get hasCrashed(): boolean {
    return this.#hasCrashed;
  }

  /** The process is at a place. Each end that is possible here is a point of its own; returned is the one that comes about. */
  pass<End extends string>(place: CrashPlace, description: string, ends: readonly End[]): End | undefined {
    for (const end of ends) {
      if (this.#hasCrashed) return undefined;
      this.passed.push({ place, description, end });
      if (this.passed.length - 1 !== this.#wanted) continue;
      this.#hasCrashed = true;
      return end;
    }
    return undefined;
  }
}
