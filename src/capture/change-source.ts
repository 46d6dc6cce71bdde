import type { Component } from '../foundation/component.ts';
import type { HeadwaterError } from '../foundation/error.ts';
import type { SourceReport } from './source-report.ts';

/**
 * Where changes come from: reads the source and puts whole transactions into its recorder, by itself, until it is stopped.
 * `start` resolves when the source streams; it rejects when it cannot, and nothing runs then.
 */
export interface ChangeSource extends Component {
  report(): SourceReport;
  /** Resolves when the source runs no more: with the error that ended it, or undefined after `stop`. */
  readonly finished: Promise<HeadwaterError | undefined>;
}
