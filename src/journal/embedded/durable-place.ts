import type { DurableEnd } from '../../capture/change-recorder.ts';

/** The durable end with its place in the files. */
export interface DurablePlace extends DurableEnd {
  readonly segment: number;
  readonly offset: number;
}

/** Where a writer tells what has become durable. */
export interface DurableEndPublisher {
  publish(place: DurablePlace): void;
}

/** Where readers learn it. */
export interface DurableEndWatch {
  readonly place: DurablePlace;
  /** Changes with each publication. */
  readonly version: number;
  /** Resolves once `version` is another than the given one, seldom earlier: look again. Rejects with `signal.reason` when aborted. */
  changedSince(version: number, signal: AbortSignal | undefined): Promise<void>;
}
