import type { ActNumber, ActReport, DemoReport } from './demo-report.ts';

/** What an occurrence is, which decides its colour. */
export type OccurrenceKind = 'step' | 'kill' | 'cut';

/** How far an act has come, as the stores say at this moment. */
export interface LiveCounts {
  /** Steps that the primary has committed. */
  readonly committed: number;
  /** Effects by store; undefined while a store does not answer. */
  readonly effects: Readonly<Record<string, number | undefined>>;
}

/** Who watches the demo: a screen, a log. */
export interface DemoObserver {
  happened(kind: OccurrenceKind, text: string): void;
  /** Resolves when the audience is ready for the act. */
  actBegan(act: ActNumber): Promise<void>;
  /** Called a few times a second during an act, if the observer has it: asking costs the stores something. */
  counted?(counts: LiveCounts): void;
  /** Resolves when the audience is ready for the next act. */
  actEnded(report: ActReport): Promise<void>;
  /** The end, or the failure, of the whole. */
  ended(report: DemoReport | undefined): void;
}
