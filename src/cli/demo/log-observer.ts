import { type Clock, systemClock } from '../../foundation/clock.ts';
import type { TextStyle } from '../terminal.ts';
import type { ShownCode } from './code-change.ts';
import type { DemoObserver } from './demo-observer.ts';
import {
  actTitles,
  formatCodeChange,
  formatDamageTable,
  formatEnding,
  formatExamples,
  formatOutage,
  formatRepetitions,
} from './demo-text.ts';

/** Where lines go, and what they are made with. */
export interface LogOptions {
  readonly write: (line: string) => void;
  readonly style: TextStyle;
  readonly code: ShownCode;
  readonly startedMs: number;
  readonly clock?: Clock;
}

/** Tells the demo as plain lines, each with the seconds since the start: for pipes, files and build logs. */
export function createLogObserver({ write, style, code, startedMs, clock = systemClock }: LogOptions): DemoObserver {
  const log = (text: string): void => {
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    write(`${style.dim(`${seconds.toFixed(1).padStart(5)} s`)}  ${text}`);
  };
  const indent = (lines: readonly string[]): void => {
    for (const line of lines) write(`         ${line}`);
  };
  return {
    happened: (_kind, text) => log(text),
    actBegan(act) {
      log(style.bold(`act ${act}: ${actTitles[act]}`));
      if (act === 2) indent(formatCodeChange(code.changes, style));
      return Promise.resolve();
    },
    actEnded(report) {
      const { answered, failed } = report.requests;
      log(`act ${report.act} is over: ${answered} requests taken, ${failed} attempts failed; the stores say:`);
      indent([
        ...formatDamageTable([report], style),
        ...formatExamples(report, style),
        ...formatRepetitions(report),
        ...formatOutage(report),
      ]);
      return Promise.resolve();
    },
    ended(report) {
      if (report !== undefined) indent(['', ...formatDamageTable(report.acts, style), ...formatEnding(report, style)]);
    },
  };
}
