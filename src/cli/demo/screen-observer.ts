import { type ClockTimer, systemClock } from '../../foundation/clock.ts';
import type { TextStyle } from '../terminal.ts';
import type { ShownCode } from './code-change.ts';
import { type DemoPicture, renderFrame } from './demo-frame.ts';
import type { DemoObserver } from './demo-observer.ts';

/** The terminal, and what never changes in the picture. */
export interface ScreenOptions {
  readonly output: { readonly columns: number; readonly rows: number; write(text: string): unknown };
  readonly style: TextStyle;
  readonly seed: number;
  readonly orderCount: number;
  readonly code: ShownCode;
  readonly startedMs: number;
  readonly signal: AbortSignal;
}

const FRAME_MS = 100;
/** How long the code, and the result of an act, stay, so that they can be read. */
const READING_MS = 8000;
const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';

/** Shows the demo on a terminal, one picture over the other in the same place. The last one stays. */
export function createScreenObserver(options: ScreenOptions): DemoObserver {
  const { output, style, startedMs, signal } = options;
  const elapsedSeconds = (): number => (systemClock.monotonicMs() - startedMs) / 1000;
  let picture: DemoPicture = {
    seed: options.seed,
    elapsedSeconds: 0,
    act: undefined,
    stepCountMax: options.orderCount * 2,
    counts: undefined,
    occurrences: [],
    reports: [],
    code: options.code,
    ending: undefined,
  };
  let drawnLineCount = 0;
  const draw = (): void => {
    const lines = renderFrame({ ...picture, elapsedSeconds: elapsedSeconds() }, style, {
      columns: output.columns,
      rows: output.rows,
    });
    // Up to the first line of the picture before, and over it, so that nothing flickers.
    const up = drawnLineCount > 0 ? `\u001B[${drawnLineCount}A` : '';
    output.write(`${up}\r${lines.map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`);
    drawnLineCount = lines.length;
  };
  let timer: ClockTimer;
  const redraw = (): void => {
    draw();
    timer = systemClock.setTimer(FRAME_MS, redraw);
  };
  output.write(HIDE_CURSOR);
  redraw();
  return {
    happened(kind, text) {
      picture = {
        ...picture,
        occurrences: [...picture.occurrences, { kind, seconds: elapsedSeconds(), text }].slice(-50),
      };
    },
    actBegan(act) {
      const begin = (): void => {
        picture = { ...picture, act, counts: undefined, occurrences: [] };
      };
      if (act !== 1) return Promise.resolve(begin());
      return systemClock.sleep(READING_MS, signal).then(begin);
    },
    counted(counts) {
      picture = { ...picture, counts };
    },
    actEnded(report) {
      picture = { ...picture, reports: [...picture.reports, report] };
      return report.act === 3 ? Promise.resolve() : systemClock.sleep(READING_MS, signal);
    },
    ended(report) {
      timer.clear();
      picture = { ...picture, ending: report };
      draw();
      output.write(SHOW_CURSOR);
    },
  };
}
